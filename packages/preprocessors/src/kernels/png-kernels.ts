import type { Image } from "@controlnet-js/core";
import { withKernels } from "./kernels.js";

/**
 * The zlib stream of a PNG of a map that is all black or white, in one channel or three equal ones, by the WebAssembly
 * kernel; undefined for other maps, and where there is no kernel.
 * @param times how often each value is written
 */
export function linesKernel({ data, width, height, channels }: Image, times: number): Uint8Array | undefined {
  return withKernels(2 * width * height, (kernels) => {
    const source = kernels.allocate(Uint8Array, data.length + 48);
    kernels.view(Uint8Array, source, data.length).set(data);
    const out = kernels.allocate(Uint8Array, data.length * times + height + 256);
    const length = kernels.run.deflate_lines(source, width, height, channels, times, out);
    return length === 0 ? undefined : kernels.view(Uint8Array, out, length).slice();
  });
}

/** The CRC-32 of some bytes by the WebAssembly kernel, or undefined where there is none. */
export const crcKernel = (bytes: Uint8Array): number | undefined =>
  withKernels(bytes.length / 3, (kernels) => kernels.run.crc32(kernels.put(bytes), bytes.length) >>> 0);
