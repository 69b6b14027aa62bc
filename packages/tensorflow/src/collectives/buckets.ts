import { concat, dispose, reshape, split, type Tensor, tidy } from "@tensorflow/tfjs-core";
import type { Communicator } from "./communicator.js";

/**
 * Sums many tensors over all processes with few operations: neighbours are joined into buckets of about
 * `bucketBytes`. The caller disposes the given tensors and the sums.
 */
export async function allReduceInBuckets(
  communicator: Communicator,
  tensors: readonly Tensor[],
  bucketBytes = 32 * 2 ** 20,
): Promise<Tensor[]> {
  const sums: Tensor[] = [];
  for (const bucket of bucketsOf(tensors, bucketBytes)) {
    const joined = tidy(() => concat(bucket.map((tensor) => reshape(tensor, [tensor.size]))));
    const [sum] = await communicator.allReduce([joined]).finally(() => joined.dispose());
    const parts = tidy(() =>
      split(
        sum!,
        bucket.map(({ size }) => size),
      ).map((part, i) => reshape(part, bucket[i]!.shape)),
    );
    dispose(sum!);
    sums.push(...parts);
  }
  return sums;
}

/** Runs of neighbours of one dtype, each below the limit unless a single tensor is larger. */
export function bucketsOf(tensors: readonly Tensor[], bucketBytes: number): Tensor[][] {
  const buckets: Tensor[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    bytes += 4 * tensor.size;
    const last = buckets.at(-1);
    if (last && bytes <= bucketBytes && last[0]!.dtype === tensor.dtype) last.push(tensor);
    else {
      buckets.push([tensor]);
      bytes = 4 * tensor.size;
    }
  }
  return buckets;
}
