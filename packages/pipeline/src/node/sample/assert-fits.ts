import { ControlNetError } from "@controlnet-js/core";
import type { Pipeline } from "../../pipeline.js";
import type { PictureSize, SampleOptions } from "./sample-options.js";

/** What the need of memory depends on. */
type Run = PictureSize & { batch: number } & Pick<SampleOptions, "tiles" | "guidance">;

const bytesOfFloat = 4;

/**
 * The bytes that a run can't do without, in whatever order an engine computes: the skip connections of the U-Net's finest
 * level, which wait for the decoder, or what the last upsampling of the autoencoder reads and writes, one picture or tile
 * after another. It really takes more.
 */
export function leastMemory(
  { unet, autoencoder }: Pick<Pipeline, "unet" | "autoencoder">,
  { width, height, batch, tiles, guidance = 9 }: Run,
): number {
  const { channels, imageChannels, sampleSize } = autoencoder.config;
  const latents = (width * height) / 4 ** (channels.length - 1);
  const guided = guidance !== 1 && unet.config.guidanceChannels === undefined;
  const { blocksPerLevel } = unet.config;
  const blocks = typeof blocksPerLevel === "number" ? blocksPerLevel : blocksPerLevel[0]!;
  const skips = batch * (guided ? 2 : 1) * (1 + blocks) * unet.config.channels[0]! * latents;

  const side = tiles ? (tiles.tileSize ?? sampleSize) : Number.POSITIVE_INFINITY;
  const decoded = Math.min(width, side) * Math.min(height, side);
  const finest = 2 * Math.max(...channels.slice(0, 2)) * decoded;
  const joined = decoded < width * height ? imageChannels * width * height : 0;
  return bytesOfFloat * Math.max(skips, finest + joined);
}

/**
 * Refuses a run that can't fit in memory, which would end without a word.
 * @param memory bytes that there are
 * @throws ControlNetError `range`
 */
export function assertFits(model: Pipeline, memory: number, run: Run): void {
  const least = leastMemory(model, run);
  if (least <= memory) return;
  const tiled = leastMemory(model, { ...run, tiles: run.tiles ?? {} });
  const { width, height, batch } = run;
  throw new ControlNetError(
    "range",
    `samplePictures: ${width}x${height}${batch > 1 ? `, ${batch} pictures at once,` : ""} needs at least ${gigabytes(least)} ` +
      `of memory, there are ${gigabytes(memory)}; choose a smaller size${batch > 1 ? " or batch" : ""}` +
      (tiled <= memory ? `, or tiles, with which it needs at least ${gigabytes(tiled)}` : ""),
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
