import { ControlNetError } from "@controlnet-js/core";
import {
  add,
  concat,
  dispose,
  mul,
  range,
  reshape,
  slice,
  sub,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";
import { type AutoencoderConfig, downscaling } from "./config.js";
import { checkImages, decodeLatents, encodeUnsplit, splitMoments } from "./forward.js";
import type { Moments } from "./latents.js";
import type { Autoencoder } from "./parameters.js";

/** How a large picture is cut. */
export interface TileOptions {
  /** Side of a tile in pixels, a multiple of `downscaling(config)`. Default `config.sampleSize`. */
  tileSize?: number;
  /** Share of a tile that overlaps the next one, in [0, 1). Default 0.25. */
  overlap?: number;
}

/**
 * `encodeImages` for large pictures: tile by tile, overlaps blended linearly, as diffusers does. Memory no longer grows
 * with the picture, but each tile has norms and attention of its own, so moments differ slightly from `encodeImages`'s.
 * @param images as for `encodeImages`
 * @returns as `encodeImages`; the caller disposes
 * @throws ControlNetError `shape` as `encodeImages`, `range` for impossible tiles
 */
export function encodeTiled(autoencoder: Autoencoder, images: Tensor4D, options: TileOptions = {}): Moments {
  checkImages("encodeTiled", autoencoder, images);
  const { pixels, latents, overlap } = tileSizes("encodeTiled", autoencoder.config, options);
  return tidy(() => ({
    ...splitMoments(runTiles(images, pixels, latents, overlap, (tile) => encodeUnsplit(autoencoder, tile))),
  }));
}

/**
 * `decodeLatents` for large pictures: tile by tile, overlaps blended linearly, as diffusers does; see {@link encodeTiled}.
 * @param latents [batch, height, width, latentChannels], unscaled, as for `decodeLatents`
 * @returns as `decodeLatents`; the caller disposes
 * @throws ControlNetError `shape` as `decodeLatents`, `range` for impossible tiles
 */
export function decodeTiled(
  autoencoder: Autoencoder,
  latents: Tensor4D,
  options: TileOptions = {},
): Tensor4D {
  const { pixels, latents: tile, overlap } = tileSizes("decodeTiled", autoencoder.config, options);
  return tidy(() => runTiles(latents, tile, pixels, overlap, (part) => decodeLatents(autoencoder, part)));
}

function tileSizes(where: string, config: AutoencoderConfig, options: TileOptions) {
  const { tileSize: pixels = config.sampleSize, overlap = 0.25 } = options;
  const factor = downscaling(config);
  const latents = pixels / factor;
  if (!Number.isInteger(latents) || latents < 1 || !(overlap >= 0) || Math.floor(latents * (1 - overlap)) < 1)
    throw new ControlNetError(
      "range",
      `${where}: expected a tileSize that is a multiple of ${factor} and an overlap in [0, 1) that leaves a latent of it, got ${pixels} and ${overlap}`,
    );
  return { pixels, latents, overlap };
}

/** Applies `run` to tiles of `inSide`, which become tiles of `outSide`, and joins them. */
function runTiles(
  x: Tensor4D,
  inSide: number,
  outSide: number,
  overlap: number,
  run: (tile: Tensor4D) => Tensor4D,
): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  if (height <= inSide && width <= inSide) return run(x);
  const step = Math.floor(inSide * (1 - overlap));
  const blended = Math.floor(outSide * overlap);
  const kept = outSide - blended;
  const starts = (length: number) => Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
  const strips: Tensor4D[] = [];
  let above: Tensor4D[] = [];
  for (const top of starts(height)) {
    const row: Tensor4D[] = [];
    starts(width).forEach((left, column) => {
      row.push(
        tidy(() => {
          const size = [
            batch,
            Math.min(inSide, height - top),
            Math.min(inSide, width - left),
            channels,
          ] as const;
          let tile = run(slice(x, [0, top, left, 0], [...size]));
          if (above[column]) tile = blend(above[column], tile, 1, blended);
          if (row[column - 1]) tile = blend(row[column - 1]!, tile, 2, blended);
          return tile;
        }),
      );
    });
    dispose(above);
    above = row;
    strips.push(
      tidy(() =>
        concat(
          row.map((tile) => crop(tile, kept)),
          2,
        ),
      ),
    );
  }
  dispose(above);
  const whole = concat(strips, 1);
  dispose(strips);
  return whole;
}

const crop = (x: Tensor4D, side: number): Tensor4D => {
  const [batch, height, width, channels] = x.shape;
  return slice(x, [0, 0, 0, 0], [batch, Math.min(side, height), Math.min(side, width), channels]);
};

/** `next` whose first rows (axis 1) or columns (axis 2) fade in over the last ones of `before`. */
function blend(before: Tensor4D, next: Tensor4D, axis: 1 | 2, most: number): Tensor4D {
  const extent = Math.min(before.shape[axis], next.shape[axis], most);
  if (extent === 0) return next;
  const part = (x: Tensor4D, start: number, length: number): Tensor4D => {
    const begin = [0, 0, 0, 0];
    const size: number[] = [...x.shape];
    begin[axis] = start;
    size[axis] = length;
    return slice(x, begin as [number, number, number, number], size as [number, number, number, number]);
  };
  const share = reshape(
    mul(range(0, extent), 1 / extent),
    axis === 1 ? [1, extent, 1, 1] : [1, 1, extent, 1],
  );
  const faded = add(
    mul(part(before, before.shape[axis] - extent, extent), sub(1, share)),
    mul(part(next, 0, extent), share),
  ) as Tensor4D;
  return concat([faded, part(next, extent, next.shape[axis] - extent)], axis);
}
