import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "../image.js";
import { type Cover, cover } from "../resize-area.js";
import type { NearestPixels } from "../resize-nearest.js";
import { fixedWeights } from "../resize-plain.js";
import type { Taps } from "../resize-taps.js";
import { type Kernels, type Pointer, withKernels } from "./kernels.js";

/** Bytes of a band of rows, which stay in the processor's cache on their way in and out. */
const BAND = 2 ** 17;
/** The same for averaging, which keeps sums of each row beside its bytes. */
const AREA_BAND = 2 ** 19;

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

/**
 * Shrinking by area by the WebAssembly kernels, or undefined where there are none. Of a large picture that becomes a small
 * one, reading is most of it: bands of rows go through a small piece of the kernel's memory.
 */
export function areaKernel(image: Image, width: number, height: number): ByteImage | undefined {
  const { data, channels } = image;
  const [from, to] = [image.width * channels, width * channels];
  const isBlocks = image.width % width === 0 && image.height % height === 0;
  const perRow = image.height / height;
  const band = Math.min(height, Math.max(1, Math.floor(AREA_BAND / (from * perRow))));
  const rows = Math.ceil(band * perRow) + 1;
  return withKernels(rows * image.width + band * width, (kernels) => {
    const result = blankImage(width, height, channels);
    const source = kernels.allocate(Uint8Array, rows * from);
    const target = kernels.allocate(Uint8Array, band * to);
    const shrink = isBlocks
      ? blocksKernel(kernels, image, image.width / width, perRow)
      : partsKernel(kernels, image, cover(image.width, width), cover(image.height, height), band, rows);
    for (let start = 0; start < height; start += band) {
      const end = Math.min(start + band, height);
      const [first, last] = shrink.rowsOf(start, end);
      const seen = data.subarray(first * from, last * from);
      kernels.view(Uint8Array, source, seen.length).set(seen);
      shrink.run(source, target, start, end);
      result.data.set(kernels.view(Uint8Array, target, (end - start) * to), start * to);
    }
    return result;
  });
}

/** How a band of target rows is made of source rows. */
interface BandKernel {
  /** The source rows of the target rows from `start` up to `end`. */
  rowsOf(start: number, end: number): [first: number, last: number];
  run(source: Pointer, target: Pointer, start: number, end: number): void;
}

/** Averages of whole blocks. */
function blocksKernel(kernels: Kernels, image: Image, blockX: number, blockY: number): BandKernel {
  const { width, channels } = image;
  return {
    rowsOf: (start, end) => [start * blockY, end * blockY],
    run(source, target, start, end) {
      kernels.run.resize_blocks(source, width, channels, target, width / blockX, end - start, blockX, blockY);
    },
  };
}

/** Averages with parts of pixels; `rows` source rows at most make `band` target rows. */
function partsKernel(
  kernels: Kernels,
  image: Image,
  x: Cover,
  y: Cover,
  band: number,
  rows: number,
): BandKernel {
  const width = x.starts.length - 1;
  const line = width * image.channels + 4;
  const columns = [x.starts, x.sources, x.parts].map((table) => kernels.put(table));
  const starts = kernels.allocate(Int32Array, band + 1);
  const sources = kernels.allocate(Int32Array, rows + band);
  const parts = kernels.allocate(Float32Array, rows + band);
  const lines = kernels.allocate(Float32Array, rows * line);
  const sums = kernels.allocate(Float32Array, line + 8);
  const rowsOf = (start: number, end: number): [number, number] => [
    y.sources[y.starts[start]!]!,
    y.sources[y.starts[end]! - 1]! + 1,
  ];
  return {
    rowsOf,
    run(source, target, start, end) {
      const [first, last] = rowsOf(start, end);
      const [begin, stop] = [y.starts[start]!, y.starts[end]!];
      const numbers = kernels.view(Int32Array, starts, end - start + 1);
      for (let i = start; i <= end; i++) numbers[i - start] = y.starts[i]! - begin;
      const inBand = kernels.view(Int32Array, sources, stop - begin);
      for (let i = begin; i < stop; i++) inBand[i - begin] = y.sources[i]! - first;
      kernels.view(Float32Array, parts, stop - begin).set(y.parts.subarray(begin, stop));
      const from = [source, image.width, last - first, image.channels];
      const tables = [...columns, starts, sources, parts];
      kernels.run.resize_area(...from, target, width, end - start, ...tables, lines, sums);
    },
  };
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
