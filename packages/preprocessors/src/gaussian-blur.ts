import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage } from "./image.js";
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
 * @throws ControlNetError `range`
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
 * A Gaussian blur of 32-bit floats with a kernel of 8 sigma and mirrored borders: `cv2.GaussianBlur` of a float
 * image up to the rounding of its sums.
 * @param image `[height, width, channels]`
 * @param sigma in pixels, above 0
 * @throws ControlNetError `range`
 */
export function gaussianBlurFloat(image: Image<Float32Array>, sigma: number): Image<Float32Array> {
  assertSigma("gaussianBlurFloat", sigma);
  const { data, width, height, channels } = image;
  const kernel = Float32Array.from(gaussianKernel(sigma, roundHalfEven(sigma * 8 + 1) | 1));
  const radius = kernel.length >> 1;
  const stride = width * channels;
  const wide = new Float32Array(stride * height);
  const line = new Float32Array((width + 2 * radius) * channels);
  const middle = kernel[radius]!;
  for (let y = 0; y < height; y++) {
    for (let i = 0, to = 0; i < width + 2 * radius; i++) {
      const from = y * stride + reflect(i - radius, width) * channels;
      for (let c = 0; c < channels; c++) line[to++] = data[from + c]!;
    }
    for (let i = 0; i < stride; i++) {
      const centre = i + radius * channels;
      let sum = middle * line[centre]!;
      for (let k = 1, step = channels; k <= radius; k++, step += channels)
        sum += kernel[radius + k]! * (line[centre + step]! + line[centre - step]!);
      wide[y * stride + i] = sum;
    }
  }
  const blurred = new Float32Array(data.length);
  const sums = new Float64Array(stride);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < stride; i++) sums[i] = middle * wide[y * stride + i]!;
    for (let k = 1; k <= radius; k++) {
      const above = reflect(y - k, height) * stride;
      const below = reflect(y + k, height) * stride;
      const weight = kernel[radius + k]!;
      for (let i = 0; i < stride; i++) sums[i]! += weight * (wide[above + i]! + wide[below + i]!);
    }
    blurred.set(sums, y * stride);
  }
  return { data: blurred, width, height, channels };
}

/** The same values as 32-bit floats. */
export function toFloat(image: Image): Image<Float32Array> {
  return { ...image, data: Float32Array.from(image.data) };
}
