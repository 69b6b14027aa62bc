import type { Image } from "@controlnet-js/core";
import type { CannyRequest } from "../canny-plain.js";
import type { ByteImage } from "../image.js";
import { withKernels } from "./kernels.js";

/**
 * Canny's edges by the WebAssembly kernel, or undefined where there is none.
 * @param outChannels how many equal channels they are written in
 */
export function cannyKernel(
  image: Image,
  request: CannyRequest,
  outChannels: 1 | 3 = 1,
): ByteImage | undefined {
  const { data, width, height, channels } = image;
  const pitch = width + 2;
  return withKernels(2 * width * height, (kernels) => {
    const source = kernels.put(data);
    const work = kernels.allocate(Int16Array, 8 * (width * channels + 8 * channels));
    const planes = kernels.allocate(Uint8Array, 9 * (width + 16));
    const sizes = kernels.allocate(Int32Array, 3 * pitch);
    const map = kernels.allocate(Uint8Array, pitch * (height + 2));
    const stack = kernels.allocate(Int32Array, width * height);
    const count = width * height * outChannels;
    const edges = kernels.allocate(Uint8Array, count);
    const { aperture, low, high, l2Gradient } = request;
    const asked = [aperture, low, high, l2Gradient ? 1 : 0];
    const room = [work, planes, sizes, map, stack];
    kernels.run.canny(source, width, height, channels, ...asked, ...room, edges, outChannels);
    return { data: kernels.view(Uint8Array, edges, count).slice(), width, height, channels: outChannels };
  });
}
