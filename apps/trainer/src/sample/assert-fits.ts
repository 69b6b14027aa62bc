import { ControlNetError } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import type { PictureSize, SampleOptions } from "./picture-options.js";

/** What the need of memory depends on. */
type Run = PictureSize & { batch: number } & Pick<SampleOptions, "tiles" | "guidance">;

const bytesOfFloat = 4;

/**
 * The bytes that a run can't do without, in whatever order an engine computes, float32: those of the U-Net's finest level,
 * or what the last upsampling of the autoencoder reads and writes, one picture or tile after another. It really takes more:
 * twice as much for decoding a large picture.
 */
export function leastMemory(
  { unet, autoencoder }: Pick<Pipeline, "unet" | "autoencoder">,
  { width, height, batch, tiles, guidance = 9 }: Run,
): number {
  const { channels, imageChannels, sampleSize } = autoencoder.config;
  const latents = (width * height) / 4 ** (channels.length - 1);
  const guided = guidance !== 1 && unet.config.guidanceChannels === undefined;
  const { blocksPerLevel, attention } = unet.config;
  // In its last block: the skip connections before it, and its own feature map. A transformer adds the feed-forward of
  // eight times the channels, and half of them after the gate.
  const blocks = typeof blocksPerLevel === "number" ? blocksPerLevel : blocksPerLevel[0]!;
  const maps = blocks + 1 + (attention[0] ? 8 + 4 : 0);
  const painted = batch * (guided ? 2 : 1) * maps * unet.config.channels[0]! * latents;

  const side = tiles ? (tiles.tileSize ?? sampleSize) : Number.POSITIVE_INFINITY;
  const decoded = Math.min(width, side) * Math.min(height, side);
  const finest = 2 * Math.max(...channels.slice(0, 2)) * decoded;
  const joined = decoded < width * height ? imageChannels * width * height : 0;
  return bytesOfFloat * Math.max(painted, finest + joined);
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
    `controlnet sample: ${width}x${height}${batch > 1 ? `, ${batch} pictures at once,` : ""} needs at least ${gigabytes(least)} ` +
      `of memory, there are ${gigabytes(memory)}; choose a smaller size${batch > 1 ? " or batch" : ""}` +
      (tiled <= memory ? `, or --tiles, with which it needs at least ${gigabytes(tiled)}` : ""),
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
