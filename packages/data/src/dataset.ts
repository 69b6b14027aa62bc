import { createHash } from "node:crypto";
import { relative } from "node:path";
import { type Condition, ControlNetError, type Image } from "@controlnet-js/core";

/** Width and height in pixels; both multiples of 8, the factor of the autoencoder. */
export interface Resolution {
  width: number;
  height: number;
}

/** One training example. */
export interface Sample {
  /** Its index in the dataset that holds the file; a split keeps the index of the whole. */
  index: number;
  /** What messages call it: the picture's path, relative to the dataset's folder. */
  name: string;
  /** The picture, RGB bytes `[height, width, 3]`. */
  image: Image;
  /** The control map of the same size, bytes `[height, width, channels]`. */
  map: Image;
  /** For inpainting `[height, width, 1]`: where it is above 0, the picture is painted anew and the map becomes -1. */
  hole?: Image;
  /** The prompt. May be empty where the dataset allows it. */
  caption: string;
  /**
   * What the picture is and its size, where that is known before the picture is: two with the same `is` are the same.
   * Latents that are kept are then found without making the picture.
   */
  content?: { is: string; width: number; height: number; channels: number };
}

/** What the maps of a dataset are, as a condition tells it and as a ControlNet keeps it. */
export type MapsMetadata = ReturnType<Condition["metadata"]>;

/** Anything that gives samples by number. Implement the first three members to train on a source of your own. */
export interface Dataset {
  /** The number of samples. */
  readonly size: number;
  /** One line for logs: what, where, how many. The same data give the same line. */
  describe(): string;
  /**
   * What tells these data apart from others, wherever they lie: a run is resumed on data of the same identity only.
   * Default: the description.
   */
  readonly identity?: string;
  /**
   * Loads one sample; calls may overlap. `index` is an integer in [0, size).
   * @throws SampleError naming the file, or ControlNetError `range` for an index outside
   */
  load(index: number): Promise<Sample>;
  /** What its maps are, where that is known: what is trained on them takes its channels and its metadata from here. */
  readonly maps?: MapsMetadata;
  /** The size of every image and map, where it is known beforehand. */
  readonly resolution?: Resolution;
  /** Ends what the dataset holds (its worker processes). Samples already loaded stay valid. */
  close?(): Promise<void>;
}

/** A dataset read from files. */
export interface FileDataset extends Dataset {
  /** The kind of its maps. */
  readonly condition: Condition;
  readonly maps: MapsMetadata;
  readonly resolution: Resolution;
  close(): Promise<void>;
  /** {@link Dataset.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** See {@link Dataset.identity}. */
export const identityOf = (dataset: Pick<Dataset, "identity" | "describe">): string =>
  dataset.identity ?? dataset.describe();

/** A short hash of a dataset's list: names relative to its folder, captions where they are known. */
export function hashList(
  root: string,
  entries: readonly { image: string; map?: string; caption: string | undefined }[],
): string {
  const hash = createHash("sha256");
  for (const { image, map = "", caption = "" } of entries)
    hash.update(`${JSON.stringify([relative(root, image), map && relative(root, map), caption])}\n`);
  return hash.digest("hex").slice(0, 16);
}

/**
 * The resolution that is asked for: a side of squares, or width and height.
 * @throws ControlNetError `config` unless both sides are positive multiples of 8
 */
export function resolutionOf(where: string, size: number | Resolution): Resolution {
  const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
  for (const [side, value] of Object.entries({ width, height }))
    if (!Number.isInteger(value) || value < 8 || value % 8 !== 0)
      throw new ControlNetError(
        "config",
        `${where}: expected a ${side} that is a multiple of 8, got ${value} (nearest: ${Math.max(8, 8 * Math.round(value / 8))})`,
      );
  return { width, height };
}

/** Throws a `range` error unless `index` is an integer in [0, size). */
export function checkIndex(where: string, index: number, size: number): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return;
  throw new ControlNetError("range", `${where}: expected an index in [0, ${size}), got ${index}`);
}
