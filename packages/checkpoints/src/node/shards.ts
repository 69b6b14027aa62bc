import { bytesPerElement } from "../dtype.js";
import {
  planSafetensors,
  type SafetensorsPlan,
  type WriteOptions,
} from "../safetensors/write-safetensors.js";
import { elementCount, type NamedTensor, withDType } from "../tensor-source.js";

/** The files that hold a model's weights: one, or several with an index. */
export interface ShardPlan {
  files: { name: string; plan: SafetensorsPlan }[];
  /** The index of several files, as diffusers writes it. */
  index?: { name: string; value: { metadata: { total_size: number }; weight_map: Record<string, string> } };
}

const sizeOf = ({ shape, dtype }: NamedTensor): number => elementCount(shape) * bytesPerElement(dtype);

/**
 * Divides tensors, in their order, into files of at most `limit` bytes of tensors; one that is larger has a
 * file of its own.
 */
export function planShards(
  entries: Iterable<NamedTensor>,
  baseName: string,
  metadata: Record<string, string>,
  limit: number,
  { dtype }: WriteOptions,
): ShardPlan {
  const tensors = [...entries].map((entry) => (dtype ? withDType(entry, dtype) : entry));
  // Planning them as one file finds names that come twice, in whichever shards.
  const whole = planSafetensors(tensors, metadata);
  const shards: NamedTensor[][] = [];
  let room = 0;
  let total = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor);
    total += size;
    const last = shards[shards.length - 1];
    if (last && size <= room) last.push(tensor);
    else shards.push([tensor]);
    room = (last && size <= room ? room : limit) - size;
  }
  if (shards.length <= 1) return { files: [{ name: `${baseName}.safetensors`, plan: whole }] };
  const digits = (value: number) => String(value).padStart(5, "0");
  const files = shards.map((shard, i) => ({
    name: `${baseName}-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`,
    plan: planSafetensors(shard, metadata),
  }));
  const places = files.flatMap(({ name, plan }) =>
    plan.tensors.map((tensor) => [tensor.name, name] as const),
  );
  return {
    files,
    index: {
      name: `${baseName}.safetensors.index.json`,
      value: { metadata: { total_size: total }, weight_map: Object.fromEntries(places) },
    },
  };
}
