import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertFloats, assertImage, type ByteImage, blankImage } from "./image.js";
import { roundHalfEven } from "./round-half-even.js";

/** Normalised Gaussian weights of an odd number of taps, 64-bit. */
function gaussianKernel(sigma: number, size: number): number[] {
  const half = (size - 1) / 2;
  const raw = Array.from({ length: size }, (_, i) => Math.exp(-((i - half) ** 2) / (2 * sigma * sigma)));
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((weight) => weight / sum);
}

/** Mirrors an index at both ends without repeating the border pixel (OpenCV's BORDER_REFLECT_101). */
function reflect(index: number, size: number): number {
  if (size === 1) return 0;
  let i = index;
  while (i < 0 || i >= size) i = i < 0 ? -i : 2 * size - 2 - i;
  return i;
}

function assertSigma(where: string, sigma: number): void {
  if (!(sigma > 0) || sigma > 1000)
    throw new ControlNetError(
      "range",
      `${where}: expected a sigma above 0 and at most 1000 pixels, got ${sigma}`,
    );
}

/**
 * A Gaussian blur of bytes, equal to `cv2.GaussianBlur(image, (0, 0), sigma)`: a kernel of 6 sigma in 8-bit fixed
 * point whose rounding errors are carried on, mirrored borders.
 * @param image `[height, width, channels]`
 * @param sigma in pixels, above 0
 * @throws ControlNetError `shape` or `range`
 */
export function gaussianBlur(image: Image, sigma: number): ByteImage {
  assertImage("gaussianBlur", image);
  assertSigma("gaussianBlur", sigma);
  const { data, width, height, channels } = image;
  const kernel = fixedKernel(gaussianKernel(sigma, roundHalfEven(sigma * 6 + 1) | 1));
  const radius = kernel.length >> 1;
  const stride = width * channels;
  const columns = Int32Array.from(
    { length: width + 2 * radius },
    (_, i) => reflect(i - radius, width) * channels,
  );
  const wide = new Uint16Array(stride * height);
  for (let y = 0; y < height; y++)
    for (let x = 0, to = y * stride; x < width; x++)
      for (let c = 0; c < channels; c++, to++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * data[y * stride + columns[x + k]! + c]!;
        wide[to] = Math.min(sum, 65535);
      }
  const result = blankImage(width, height, channels);
  const sums = new Uint32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << 15);
    for (let k = 0; k < kernel.length; k++) {
      const weight = kernel[k]!;
      const from = reflect(y + k - radius, height) * stride;
      for (let i = 0; i < stride; i++) sums[i]! += weight * wide[from + i]!;
    }
    for (let i = 0; i < stride; i++) result.data[y * stride + i] = sums[i]! >>> 16;
  }
  return result;
}

/** Weights in 1/256, summing to 256: each tap takes over what rounding the one before left. */
function fixedKernel(kernel: readonly number[]): Int32Array {
  const fixed = new Int32Array(kernel.length);
  const middle = kernel.length >> 1;
  let error = 0;
  let sum = 0;
  for (let i = 0; i < middle; i++) {
    const wanted = kernel[i]! * 256 + error;
    const weight = roundHalfEven(wanted);
    error = wanted - weight;
    fixed[i] = weight;
    fixed[kernel.length - 1 - i] = weight;
    sum += 2 * weight;
  }
  fixed[middle] = 256 - sum;
  return fixed;
}

/**
 * A Gaussian blur of 32-bit floats with a kernel of 8 sigma and mirrored borders, equal to
 * `cv2.GaussianBlur(image, (0, 0), sigma)` of a float image where OpenCV runs with AVX2.
 * @param image `[height, width, channels]`
 * @param sigma in pixels, above 0
 * @throws ControlNetError `shape` or `range`
 */
export function gaussianBlurFloat(image: Image<Float32Array>, sigma: number): Image<Float32Array> {
  assertFloats("gaussianBlurFloat", image);
  assertSigma("gaussianBlurFloat", sigma);
  const { data, width, height, channels } = image;
  const kernel = Float32Array.from(gaussianKernel(sigma, roundHalfEven(sigma * 8 + 1) | 1));
  const wide = width === 1 ? data : blurRows(data, width, channels, kernel);
  const blurred = height === 1 ? wide : blurColumns(wide, width * channels, kernel);
  return { data: blurred === data ? data.slice() : blurred, width, height, channels };
}

// OpenCV's vectors add a product with one rounding (fused), what is left at the end of a row mostly with two. Every sum
// here is rounded in the same places: ridges and thresholds are decided by the last bit.
const f = Math.fround;

function blurRows(data: Float32Array, width: number, channels: number, kernel: Float32Array): Float32Array {
  const radius = kernel.length >> 1;
  const stride = width * channels;
  const line = new Float32Array((width + 2 * radius) * channels);
  const blurRow = radius === 1 ? blurByThree : radius === 2 ? blurByFive : blurByMany;
  const blurred = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += stride) {
    for (let i = 0, to = 0; i < width + 2 * radius; i++) {
      const from = start + reflect(i - radius, width) * channels;
      for (let c = 0; c < channels; c++) line[to++] = data[from + c]!;
    }
    blurRow(line, kernel, channels, blurred.subarray(start, start + stride));
  }
  return blurred;
}

/** One row, its mirrored ends included; products are added from left to right. */
function blurByMany(line: Float32Array, kernel: Float32Array, channels: number, out: Float32Array): void {
  const fused = out.length - (out.length % 4);
  // Four sums at a time: each waits for its own last addition only.
  for (let i = 0; i < fused; i += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let k = 0, at = i; k < kernel.length; k++, at += channels) {
      const weight = kernel[k]!;
      a = f(a + weight * line[at]!);
      b = f(b + weight * line[at + 1]!);
      c = f(c + weight * line[at + 2]!);
      d = f(d + weight * line[at + 3]!);
    }
    out[i] = a;
    out[i + 1] = b;
    out[i + 2] = c;
    out[i + 3] = d;
  }
  // After the first product four at a time are rounded, what then is left of the kernel is fused.
  const rounded = kernel.length - ((kernel.length - 1) % 4);
  for (let i = fused; i < out.length; i++) {
    let sum = 0;
    for (let k = 0, at = i; k < kernel.length; k++, at += channels) {
      const product = kernel[k]! * line[at]!;
      sum = f(sum + (k < rounded ? f(product) : product));
    }
    out[i] = sum;
  }
}

/** Five taps: the product of the neighbours, then of the middle, then of those outside. */
function blurByFive(line: Float32Array, kernel: Float32Array, channels: number, out: Float32Array): void {
  const [outer, inner, middle] = kernel as unknown as [number, number, number];
  const fused = out.length - (out.length % 2);
  for (let i = 0; i < out.length; i++) {
    const centre = line[i + 2 * channels]!;
    const near = f(inner * f(line[i + channels]! + line[i + 3 * channels]!));
    const far = f(line[i]! + line[i + 4 * channels]!);
    out[i] =
      i < fused ? f(near + middle * centre) + outer * far : f(near + f(middle * centre)) + f(outer * far);
  }
}

/** Three taps: the product of the neighbours first; at an odd end that of the middle. */
function blurByThree(line: Float32Array, kernel: Float32Array, channels: number, out: Float32Array): void {
  const [outer, middle] = kernel as unknown as [number, number];
  const pairs = out.length - (out.length % 2);
  for (let i = 0; i < out.length; i++) {
    const centre = middle * line[i + channels]!;
    const sides = outer * f(line[i]! + line[i + 2 * channels]!);
    out[i] = i < pairs ? f(sides) + centre : sides + f(centre);
  }
}

function blurColumns(data: Float32Array, stride: number, kernel: Float32Array): Float32Array {
  const radius = kernel.length >> 1;
  const height = data.length / stride;
  const fused = radius === 1 ? stride : stride - (stride % 8);
  const blurred = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    const sums = blurred.subarray(y * stride, (y + 1) * stride);
    for (let i = 0; i < stride; i++) sums[i] = kernel[radius]! * data[y * stride + i]!;
    for (let k = 1; k <= radius; k++) {
      const above = data.subarray(reflect(y - k, height) * stride);
      const below = data.subarray(reflect(y + k, height) * stride);
      const weight = kernel[radius + k]!;
      for (let i = 0; i < fused; i++) sums[i]! += weight * f(above[i]! + below[i]!);
      for (let i = fused; i < stride; i++) sums[i]! += f(weight * f(above[i]! + below[i]!));
    }
  }
  return blurred;
}

/** The same values as 32-bit floats. */
export function toFloat(image: Image): Image<Float32Array> {
  return { ...image, data: Float32Array.from(image.data) };
}
