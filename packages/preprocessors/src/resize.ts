import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertChoice } from "./assert-choice.js";
import { assertFloats, assertImage, type ByteImage, MAX_PIXELS } from "./image.js";
import { areaKernel, nearestKernel, tapsKernel } from "./kernels/resize-kernels.js";
import { resizeArea } from "./resize-area.js";
import { copyNearest, nearestPixels } from "./resize-nearest.js";
import { combineTaps } from "./resize-plain.js";
import { INTERPOLATIONS, type Interpolation, resizeTaps, type Taps } from "./resize-taps.js";

/**
 * An image at another size, within one level of `cv2.resize`: fixed-point weights of 11 bits, as OpenCV has them.
 * @param image `[height, width, channels]`, bytes
 * @param method `"area"` averages when shrinking and is bilinear-like when enlarging
 * @throws ControlNetError `shape`, or `range` for a size that is not a whole number of at least 1, or too large
 */
export function resize(image: Image, width: number, height: number, method: Interpolation): ByteImage {
  assertImage("resize", image);
  assertSize("resize", width, height);
  assertChoice("resize", "method", method, INTERPOLATIONS);
  if (width === image.width && height === image.height) return { ...image, data: new Uint8Array(image.data) };
  if (method === "nearest") {
    const pixels = nearestPixels(image, width, height);
    return nearestKernel(image, pixels) ?? copyNearest(image, pixels);
  }
  const shrinks = width <= image.width && height <= image.height;
  const halves = width * 2 === image.width && height * 2 === image.height;
  if ((method === "area" && shrinks) || (method === "bilinear" && halves))
    return areaKernel(image, width, height) ?? resizeArea(image, width, height);
  const kind = method === "area" ? "area-enlarging" : method;
  const x = resizeTaps(image.width, width, kind);
  const y = resizeTaps(image.height, height, kind, "rows");
  return tapsKernel(image, width, height, x, y) ?? combineTaps(image, width, height, x, y);
}

/**
 * One plane of 32-bit floats `[height, width]` at another size, bilinear or cubic, within rounding of `cv2.resize`.
 * @throws ControlNetError `shape` for another plane, `range` for a bad size
 */
export function resizePlane(
  plane: Image<Float32Array>,
  width: number,
  height: number,
  method: "bilinear" | "cubic",
): Image<Float32Array> {
  assertFloats("resizePlane", plane, [1]);
  assertSize("resizePlane", width, height);
  assertChoice("resizePlane", "method", method, ["bilinear", "cubic"]);
  const x = resizeTaps(plane.width, width, method);
  const y = resizeTaps(plane.height, height, method);
  return { data: combinePlane(plane, x, y, Float32Array), width, height, channels: 1 };
}

/** A plane of floats combined by taps, held in the type of float asked for. */
export function combinePlane<D extends Float32Array | Float64Array>(
  plane: { data: D; width: number; height: number },
  x: Taps,
  y: Taps,
  type: new (length: number) => D,
): D {
  const width = x.indices.length / x.count;
  const height = y.indices.length / y.count;
  const wide = new type(width * plane.height);
  for (let row = 0; row < plane.height; row++)
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < x.count; k++)
        sum += x.weights[i * x.count + k]! * plane.data[row * plane.width + x.indices[i * x.count + k]!]!;
      wide[row * width + i] = sum;
    }
  const data = new type(width * height);
  for (let j = 0; j < height; j++)
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < y.count; k++)
        sum += y.weights[j * y.count + k]! * wide[y.indices[j * y.count + k]! * width + i]!;
      data[j * width + i] = sum;
    }
  return data;
}

function assertSize(where: string, width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new ControlNetError("range", `${where}: expected a size of whole pixels, got ${width}x${height}`);
  if (width * height > MAX_PIXELS)
    throw new ControlNetError(
      "range",
      `${where}: ${width}x${height} is over the limit of ${MAX_PIXELS} pixels`,
    );
}
