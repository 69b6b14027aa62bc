import { ControlNetError } from "@controlnet-js/core";
import { checkIndex, type Dataset, identityOf } from "./dataset.js";
import { permuteFor } from "./permute.js";
import { SampleError } from "./sample-error.js";

/** Options of {@link splitDataset}. */
export interface SplitOptions {
  /** How much to hold out: a count, or a fraction of the dataset (rounded up). */
  heldOut: { count: number } | { fraction: number };
  /** Integer in [0, 2^53). The same seed and size give the same split. */
  seed: number;
}

/** The two parts of a dataset; each sample is in one of them. */
export interface DatasetSplit {
  train: Dataset;
  heldOut: Dataset;
}

/**
 * Holds out part of a dataset, chosen at random by the seed alone. Both parts are views: they own nothing, and their
 * samples keep the `index` of the whole. Either part may be empty only if asked for by `count: 0`.
 * @throws ControlNetError `config` where no training sample would remain
 */
export function splitDataset(dataset: Dataset, { heldOut, seed }: SplitOptions): DatasetSplit {
  const { size } = dataset;
  const isFraction = "fraction" in heldOut;
  const count = isFraction ? Math.ceil(heldOut.fraction * size) : heldOut.count;
  if (isFraction && !(heldOut.fraction > 0 && heldOut.fraction < 1))
    throw new ControlNetError(
      "config",
      `splitDataset: expected a fraction in (0, 1), got ${heldOut.fraction}`,
    );
  if (!Number.isInteger(count) || count < 0 || count >= size)
    throw new ControlNetError(
      "config",
      `splitDataset: expected to hold out 0 to ${size - 1} samples, got ${count}`,
    );
  const { maps, resolution } = dataset;
  const part = (name: string, start: number, length: number): Dataset => ({
    ...(maps && { maps }),
    ...(resolution && { resolution }),
    size: length,
    describe: () => `${name} of ${dataset.describe()} (${length} of ${size}, seed ${seed})`,
    identity: `${name} of ${identityOf(dataset)} (${length} of ${size}, seed ${seed})`,
    async load(index) {
      checkIndex(`splitDataset: ${name}`, index, length);
      return dataset.load(permuteFor("split", start + index, size, seed, 0));
    },
  });
  const held = part("held-out part", 0, count);
  return {
    heldOut: { ...held, load: (index) => held.load(index).catch(tellHeldOut) },
    train: part("training part", count, size - count),
  };
}

/** What is held out is measured on again and again: none of it may be skipped, as a sample of the training may. */
function tellHeldOut(error: unknown): never {
  if (!(error instanceof SampleError)) throw error;
  throw new ControlNetError(
    error.code,
    `${error.message}; it is held out for validation and can't be skipped: repair or remove it, or hold out others by another seed`,
    { cause: error },
  );
}
