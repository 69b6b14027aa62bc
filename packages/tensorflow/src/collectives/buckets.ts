import { concat, dispose, div, reshape, split, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { TensorFlowError } from "../errors.js";
import type { Communicator } from "./communicator.js";

/** How tensors are joined and what becomes of their sums. */
export interface BucketOptions {
  /** Tensors are joined up to this size; a larger one goes alone. Default 32 MiB. */
  bucketBytes?: number;
  /** Divide the sums by the number of processes, as for gradients of a mean loss. float32 only. Default false. */
  average?: boolean;
}

/**
 * Sums many tensors over all processes with few operations. Neighbours of one dtype are joined into buckets in the
 * order given, so processes that give the same shapes in the same order make the same buckets.
 * The caller disposes the given tensors and the results, which have their shapes and order.
 * @throws TensorFlowError `range` for a bucket size below one element, `unsupported` for an average of int32 tensors,
 * `aborted` as {@link Communicator.allReduce}
 */
export async function allReduceInBuckets(
  communicator: Communicator,
  tensors: readonly Tensor[],
  { bucketBytes = 32 * 2 ** 20, average = false }: BucketOptions = {},
): Promise<Tensor[]> {
  if (!(bucketBytes >= bytesPerElement))
    throw new TensorFlowError(
      `allReduceInBuckets: bucketBytes must be at least ${bytesPerElement}, got ${bucketBytes}`,
      {},
      "range",
    );
  if (average && tensors.some(({ dtype }) => dtype !== "float32"))
    throw new TensorFlowError("allReduceInBuckets: only float32 tensors can be averaged", {}, "unsupported");
  if (communicator.size === 1) return await communicator.allReduce(tensors);
  const results: Tensor[] = [];
  try {
    for (const bucket of bucketsOf(tensors, bucketBytes)) {
      const joined = tidy(() => concat(bucket.map((tensor) => reshape(tensor, [tensor.size]))));
      const [sum] = await communicator.allReduce([joined]).finally(() => joined.dispose());
      results.push(...takeApart(sum!, bucket, average ? communicator.size : 1));
    }
  } catch (error) {
    dispose(results);
    throw error;
  }
  return results;
}

function takeApart(sum: Tensor, bucket: readonly Tensor[], divisor: number): Tensor[] {
  const parts = tidy(() => {
    const whole = divisor === 1 ? sum : div(sum, divisor);
    const sizes = bucket.map(({ size }) => size);
    return split(whole, sizes).map((part, i) => reshape(part, bucket[i]!.shape));
  });
  sum.dispose();
  return parts;
}

/** float32 and int32, the two dtypes that can be summed. */
const bytesPerElement = 4;

/** Runs of neighbours of one dtype, each within the limit unless a single tensor is larger. */
export function bucketsOf(tensors: readonly Tensor[], bucketBytes: number): Tensor[][] {
  const buckets: Tensor[][] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = bytesPerElement * tensor.size;
    const last = buckets.at(-1);
    if (last && bytes + size <= bucketBytes && last[0]!.dtype === tensor.dtype) {
      last.push(tensor);
      bytes += size;
    } else {
      buckets.push([tensor]);
      bytes = size;
    }
  }
  return buckets;
}
