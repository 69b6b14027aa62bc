import type { Image } from "@controlnet-js/core";
import type { ByteImage } from "../image.js";
import { type Cover, cover } from "../resize-area.js";
import type { NearestPixels } from "../resize-nearest.js";
import { fixedWeights } from "../resize-plain.js";
import type { Taps } from "../resize-taps.js";
import { type Kernels, type Pointer, withKernels } from "./kernels.js";

/** Resizing to the nearest pixels by the WebAssembly kernel, or undefined where there is none. */
export function nearestKernel(image: Image, { columns, rows }: NearestPixels): ByteImage | undefined {
  const { channels } = image;
  const [width, height] = [columns.length, rows.length];
  return withKernels(image.width * image.height + width * height, (kernels) => {
    const source = kernels.put(image.data);
    const target = kernels.allocate(Uint8Array, width * height * channels);
    const offsets = columns.map((column) => column * channels);
    const tables = [kernels.put(offsets), kernels.put(rows)];
    kernels.run.resize_nearest(source, image.width, channels, target, width, height, ...tables);
    return taken(kernels, target, width, height, channels);
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
