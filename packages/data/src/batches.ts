import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import type { Dataset, Sample } from "./dataset.js";
import { permute } from "./permute.js";

/** How far a run has read: `position` samples of epoch `epoch`. Plain data, made to be stored in a checkpoint. */
export interface Cursor {
  epoch: number;
  /** Integer in [0, dataset size). */
  position: number;
}

/** A sample that was left out. */
export interface SkippedSample {
  /** Its index in the dataset that is read. */
  index: number;
  message: string;
}

/** Options of {@link batches}. */
export interface BatchesOptions {
  batchSize: number;
  /** Of the shuffling: an integer in [0, 2^53). */
  seed: number;
  /** Where to go on from: the `cursor` of the last batch used. Default: the start. */
  cursor?: Cursor;
  /** Default true; false reads in the dataset's own order. */
  shuffle?: boolean;
  /** Ends before this epoch, with a smaller last batch if need be. Default: never ends. */
  epochs?: number;
  /** How many batches to load ahead. Default 2. */
  prefetch?: number;
  /** How many different samples may be skipped because they cannot be read. Default 20. */
  maxSkipped?: number;
  /** Told of each sample skipped, once. */
  onSkip?: (skipped: SkippedSample) => void;
  /**
   * Reads every `of`-th sample of the shuffled order, from number `index` on: what one of several processes reads that
   * train together. Default: all of them.
   */
  share?: { index: number; of: number };
}

/** Some samples, and where to go on after them. */
export interface Batch {
  samples: Sample[];
  /** Global number of each sample, epoch * size + position: the index for random keys. */
  sampleIndices: number[];
  /** Pass this to {@link batches} to get the next batch. */
  cursor: Cursor;
}

type Outcome = { sample: Sample } | { error: unknown };

/**
 * Reads a dataset in batches, epoch after epoch, each shuffled anew. What comes after a cursor depends on the data,
 * the seed and the cursor alone, never on workers or prefetching. A batch is full even across the end of an epoch;
 * a sample that cannot be read is skipped and the next one takes its place.
 * @throws ControlNetError `data` once more than `maxSkipped` samples were skipped, naming the first few; `state` for
 *   a cursor that does not fit; a SampleError that must not be skipped
 */
export async function* batches(
  dataset: Dataset,
  options: BatchesOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { size } = dataset;
  const { batchSize, seed, cursor = { epoch: 0, position: 0 }, shuffle = true, prefetch = 2 } = options;
  const { share = { index: 0, of: 1 } } = options;
  checkOptions(size, options);
  const skips = new Skips(size, options);
  const end = options.epochs === undefined ? Number.POSITIVE_INFINITY : options.epochs * size;
  const ahead = batchSize * (prefetch + 1);
  const queue: { index: number; outcome: Promise<Outcome> }[] = [];
  let asked = cursor.epoch * size + cursor.position + share.index;
  let taken = asked;
  const request = (position: number) => {
    const epoch = Math.floor(position / size);
    const index = shuffle ? permute(position % size, size, seed, epoch) : position % size;
    // Settled at once, so that a failure far ahead waits for its turn instead of ending the process.
    const outcome = dataset.load(index).then(
      (sample): Outcome => ({ sample }),
      (error: unknown): Outcome => ({ error }),
    );
    queue.push({ index, outcome });
  };
  while (true) {
    const batch: Batch = { samples: [], sampleIndices: [], cursor };
    while (batch.samples.length < batchSize) {
      for (; queue.length < ahead && asked < end; asked += share.of) request(asked);
      const next = queue.shift();
      if (!next) break;
      const position = taken;
      taken += share.of;
      const outcome = await next.outcome;
      if ("error" in outcome) skips.add(next.index, outcome.error);
      else {
        batch.samples.push(outcome.sample);
        batch.sampleIndices.push(position);
      }
    }
    if (batch.samples.length === 0) return;
    const reached = taken - share.index;
    batch.cursor = { epoch: Math.floor(reached / size), position: reached % size };
    yield batch;
  }
}

/** Counts the samples skipped, and stops the run when there are too many. */
class Skips {
  readonly #seen = new Map<number, string>();
  readonly #size: number;
  readonly #limit: number;
  readonly #onSkip: BatchesOptions["onSkip"];

  constructor(size: number, { maxSkipped = 20, onSkip }: BatchesOptions) {
    this.#size = size;
    this.#limit = maxSkipped;
    this.#onSkip = onSkip;
  }

  add(index: number, error: unknown): void {
    const skippable = isControlNetError(error) && "skippable" in error && error.skippable === true;
    if (!skippable) throw error;
    if (this.#seen.has(index)) return;
    this.#seen.set(index, error.message);
    this.#onSkip?.({ index, message: error.message });
    const count = this.#seen.size;
    if (count <= this.#limit && count < this.#size) return;
    const first = [...this.#seen.values()].slice(0, 5).map((message) => `\n  ${message}`);
    const more = count > 5 ? `\n  and ${count - 5} more` : "";
    const why = count > this.#limit ? `more than maxSkipped = ${this.#limit}` : "every one there is";
    throw new ControlNetError(
      "data",
      `batches: skipped ${count} of ${this.#size} samples, ${why}:${first.join("")}${more}`,
    );
  }
}

function checkOptions(
  size: number,
  { batchSize, prefetch = 2, epochs = 1, maxSkipped = 0, share, cursor }: BatchesOptions,
): void {
  if (size < 1) throw new ControlNetError("data", "batches: the dataset is empty");
  const atLeast = (name: string, value: number, least: number) => {
    if (!Number.isInteger(value) || value < least)
      throw new ControlNetError(
        "config",
        `batches: expected ${name} to be an integer >= ${least}, got ${value}`,
      );
  };
  atLeast("batchSize", batchSize, 1);
  atLeast("prefetch", prefetch, 0);
  atLeast("epochs", epochs, 1);
  if (maxSkipped !== Number.POSITIVE_INFINITY) atLeast("maxSkipped", maxSkipped, 0);
  if (share) {
    atLeast("share.of", share.of, 1);
    atLeast("share.index", share.index, 0);
    if (share.index >= share.of)
      throw new ControlNetError(
        "config",
        `batches: expected share.index below share.of = ${share.of}, got ${share.index}`,
      );
  }
  if (!cursor) return;
  const { epoch, position } = cursor;
  const fits =
    Number.isInteger(epoch) && epoch >= 0 && Number.isInteger(position) && position >= 0 && position < size;
  if (fits) return;
  throw new ControlNetError(
    "state",
    `batches: expected a cursor with epoch >= 0 and a position in [0, ${size}), got ${JSON.stringify(cursor)}; ` +
      "has the dataset changed since it was stored?",
  );
}
