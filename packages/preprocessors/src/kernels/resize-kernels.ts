import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "../image.js";
import { type Cover, cover } from "../resize-area.js";
import type { NearestPixels } from "../resize-nearest.js";
import { fixedWeights } from "../resize-plain.js";
import type { Taps } from "../resize-taps.js";
import { type Kernels, type Pointer, withKernels } from "./kernels.js";

/** Bytes of a band of rows, which stay in the processor's cache on their way in and out. */
const BAND = 2 ** 17;

/**
 * Resizing to the nearest pixels by the WebAssembly kernel, or undefined where there is none. There is so little to compute
 * that copying is most of it: bands of rows go through a small piece of the kernel's memory.
 */
export function nearestKernel(image: Image, { columns, rows }: NearestPixels): ByteImage | undefined {
  const { data, channels } = image;
  const [width, height] = [columns.length, rows.length];
  const [from, to] = [image.width * channels, width * channels];
  return withKernels(image.width * image.height + width * height, (kernels) => {
    const result = blankImage(width, height, channels);
    const perRow = Math.max(to, (from * image.height) / height);
    const band = Math.min(height, Math.max(1, Math.floor(BAND / perRow)));
    const source = kernels.allocate(Uint8Array, (Math.ceil((band * image.height) / height) + 1) * from);
    const target = kernels.allocate(Uint8Array, band * to);
    const offsets = kernels.put(columns.map((column) => column * channels));
    const numbers = kernels.allocate(Int32Array, band);
    for (let start = 0; start < height; start += band) {
      const end = Math.min(start + band, height);
      const first = rows[start]!;
      const seen = data.subarray(first * from, (rows[end - 1]! + 1) * from);
      kernels.view(Uint8Array, source, seen.length).set(seen);
      const inBand = kernels.view(Int32Array, numbers, end - start);
      for (let i = start; i < end; i++) inBand[i - start] = rows[i]! - first;
      kernels.run.resize_nearest(source, image.width, channels, target, width, end - start, offsets, numbers);
      result.data.set(kernels.view(Uint8Array, target, (end - start) * to), start * to);
    }
    return result;
  });
}

/** Resizing by taps by the WebAssembly kernel, or undefined where there is none. */
export function tapsKernel(
  image: Image,
  width: number,
  height: number,
  x: Taps,
  y: Taps,
): ByteImage | undefined {
  const { channels } = image;
  return withKernels(image.width * image.height + width * height, (kernels) => {
    const source = kernels.put(image.data);
    const target = kernels.allocate(Uint8Array, width * height * channels);
    const tables = [x, y].flatMap(({ indices, weights, count }) => [
      kernels.put(indices),
      kernels.put(fixedWeights({ indices, weights, count })),
    ]);
    const lines = kernels.allocate(Int32Array, x.count * (width * channels + 4));
    kernels.run.resize_taps(source, image.width, channels, target, width, height, x.count, ...tables, lines);
    return taken(kernels, target, width, height, channels);
  });
}

/** Shrinking by area by the WebAssembly kernels, or undefined where there are none. */
export function areaKernel(image: Image, width: number, height: number): ByteImage | undefined {
  const { channels } = image;
  return withKernels(image.width * image.height + width * height, (kernels) => {
    const source = kernels.put(image.data);
    const target = kernels.allocate(Uint8Array, width * height * channels);
    if (image.width % width === 0 && image.height % height === 0) {
      const blocks = [image.width / width, image.height / height];
      kernels.run.resize_blocks(source, image.width, channels, target, width, height, ...blocks);
      return taken(kernels, target, width, height, channels);
    }
    const put = ({ starts, sources, parts }: Cover) =>
      [starts, sources, parts].map((table) => kernels.put(table));
    const tables = [...put(cover(image.width, width)), ...put(cover(image.height, height))];
    const line = kernels.allocate(Float32Array, width * channels + 4);
    const sums = kernels.allocate(Float32Array, width * channels + 4);
    const from = [source, image.width, image.height, channels];
    kernels.run.resize_area(...from, target, width, height, ...tables, line, sums);
    return taken(kernels, target, width, height, channels);
  });
}

function taken(
  kernels: Kernels,
  pointer: Pointer,
  width: number,
  height: number,
  channels: number,
): ByteImage {
  return {
    data: kernels.view(Uint8Array, pointer, width * height * channels).slice(),
    width,
    height,
    channels,
  };
}
