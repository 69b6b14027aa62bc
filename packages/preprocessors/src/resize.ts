import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage, MAX_PIXELS } from "./image.js";
import { resizeArea } from "./resize-area.js";
import { type Interpolation, resizeTaps, type Taps } from "./resize-taps.js";
import { roundHalfEven } from "./round-half-even.js";

const BITS = 11;

/**
 * An image at another size, within one level of `cv2.resize`: fixed-point weights of 11 bits, as OpenCV has them.
 * @param image `[height, width, channels]`, bytes
 * @param method `"area"` averages when shrinking and is bilinear-like when enlarging
 * @throws ControlNetError `range` for a size that is not a whole number of at least 1, or too large
 */
export function resize(image: Image, width: number, height: number, method: Interpolation): ByteImage {
  assertImage("resize", image);
  assertSize("resize", width, height);
  if (width === image.width && height === image.height) return { ...image, data: new Uint8Array(image.data) };
  if (method === "nearest") return resizeNearest(image, width, height);
  const shrinks = width <= image.width && height <= image.height;
  const halves = width * 2 === image.width && height * 2 === image.height;
  if ((method === "area" && shrinks) || (method === "bilinear" && halves))
    return resizeArea(image, width, height);
  const kind = method === "area" ? "area-enlarging" : method;
  return combine(
    image,
    width,
    height,
    resizeTaps(image.width, width, kind),
    resizeTaps(image.height, height, kind),
  );
}

/**
 * One plane of 32-bit floats `[height, width]` at another size, bilinear or cubic, within rounding of `cv2.resize`.
 * @throws ControlNetError `range` for a bad size
 */
export function resizePlane(
  plane: Image<Float32Array>,
  width: number,
  height: number,
  method: "bilinear" | "cubic",
): Image<Float32Array> {
  assertSize("resizePlane", width, height);
  const x = resizeTaps(plane.width, width, method);
  const y = resizeTaps(plane.height, height, method);
  const wide = new Float32Array(width * plane.height);
  for (let row = 0; row < plane.height; row++)
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < x.count; k++)
        sum += x.weights[i * x.count + k]! * plane.data[row * plane.width + x.indices[i * x.count + k]!]!;
      wide[row * width + i] = sum;
    }
  const data = new Float32Array(width * height);
  for (let j = 0; j < height; j++)
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < y.count; k++)
        sum += y.weights[j * y.count + k]! * wide[y.indices[j * y.count + k]! * width + i]!;
      data[j * width + i] = sum;
    }
  return { data, width, height, channels: 1 };
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

function resizeNearest(image: Image, width: number, height: number): ByteImage {
  const { data, channels } = image;
  const result = blankImage(width, height, channels);
  const scaleX = 1 / (width / image.width);
  const scaleY = 1 / (height / image.height);
  const columns = Int32Array.from({ length: width }, (_, x) =>
    Math.min(Math.floor(x * scaleX), image.width - 1),
  );
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.min(Math.floor(y * scaleY), image.height - 1) * image.width;
    for (let x = 0; x < width; x++) {
      const from = (row + columns[x]!) * channels;
      for (let c = 0; c < channels; c++) result.data[to++] = data[from + c]!;
    }
  }
  return result;
}

function fixedWeights(taps: Taps): Int16Array {
  return Int16Array.from(taps.weights, (weight) => roundHalfEven(weight * (1 << BITS)));
}

/** Rows first, each once; then columns over the few rows that a target row needs. */
function combine(image: Image, width: number, height: number, x: Taps, y: Taps): ByteImage {
  const { channels } = image;
  const result = blankImage(width, height, channels);
  const stride = width * channels;
  const weightsX = fixedWeights(x);
  const weightsY = fixedWeights(y);
  const kept = Array.from({ length: y.count }, () => ({ row: -1, values: new Int32Array(stride) }));
  for (let j = 0; j < height; j++) {
    const lines: Int32Array[] = [];
    for (let k = 0; k < y.count; k++) {
      const row = y.indices[j * y.count + k]!;
      const slot = kept[row % y.count]!;
      if (slot.row !== row) {
        slot.row = row;
        combineRow(image, row, x, weightsX, slot.values);
      }
      lines.push(slot.values);
    }
    const to = result.data.subarray(j * stride, (j + 1) * stride);
    const w = weightsY.subarray(j * y.count, (j + 1) * y.count);
    if (y.count === 2) blendTwo(lines[0]!, lines[1]!, w[0]!, w[1]!, to);
    else if (y.count === 4) blendFour(lines, w, to);
    else blendEight(lines, w, to);
  }
  return result;
}

function combineRow(image: Image, row: number, x: Taps, weights: Int16Array, out: Int32Array): void {
  const { data, channels, width } = image;
  const { count, indices } = x;
  const start = row * width * channels;
  const size = indices.length / count;
  for (let c = 0; c < channels; c++) {
    const base = start + c;
    if (count === 2)
      for (let i = 0, t = 0, to = c; i < size; i++, t += 2, to += channels)
        out[to] =
          data[base + indices[t]! * channels]! * weights[t]! +
          data[base + indices[t + 1]! * channels]! * weights[t + 1]!;
    else
      for (let i = 0, t = 0, to = c; i < size; i++, to += channels) {
        let sum = 0;
        for (const end = t + count; t < end; t++) sum += data[base + indices[t]! * channels]! * weights[t]!;
        out[to] = sum;
      }
  }
}

/** OpenCV's own rounding for two rows: 4 bits are dropped before and 16 after each product. */
function blendTwo(a: Int32Array, b: Int32Array, wa: number, wb: number, to: Uint8Array): void {
  for (let i = 0; i < to.length; i++)
    to[i] = ((((a[i]! >> 4) * wa) >> 16) + (((b[i]! >> 4) * wb) >> 16) + 2) >> 2;
}

const HALF = 2 ** (2 * BITS - 1);
const UNIT = 2 ** -(2 * BITS);

function blendFour(lines: Int32Array[], w: Int16Array, to: Uint8Array): void {
  const [a, b, c, d] = lines as [Int32Array, Int32Array, Int32Array, Int32Array];
  const [wa, wb, wc, wd] = w as unknown as [number, number, number, number];
  for (let i = 0; i < to.length; i++) {
    const sum = a[i]! * wa + b[i]! * wb + c[i]! * wc + d[i]! * wd + HALF;
    to[i] = sum <= 0 ? 0 : Math.min(sum * UNIT, 255);
  }
}

function blendEight(lines: Int32Array[], w: Int16Array, to: Uint8Array): void {
  const [a, b, c, d, e, f, g, h] = lines as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const [wa, wb, wc, wd, we, wf, wg, wh] = w as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < to.length; i++) {
    const low = a[i]! * wa + b[i]! * wb + c[i]! * wc + d[i]! * wd;
    const sum = low + e[i]! * we + f[i]! * wf + g[i]! * wg + h[i]! * wh + HALF;
    to[i] = sum <= 0 ? 0 : Math.min(sum * UNIT, 255);
  }
}
