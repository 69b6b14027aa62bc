import type { Image } from "@controlnet-js/core";

/** How far the kernel reaches, in deviations. */
const REACH = 4;

/**
 * A Gaussian filter of one plane, `scipy.ndimage.gaussian_filter(plane, sigma)`: 64-bit sums, a kernel of 4 deviations to
 * each side, borders mirrored with the border pixel repeated.
 * @param plane `[height, width, 1]`
 * @returns `[height * width]`
 */
export function smoothPlane({ data, width, height }: Image<Float32Array>, sigma: number): Float64Array {
  const radius = Math.floor(REACH * sigma + 0.5);
  const raw = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp((-0.5 / (sigma * sigma)) * i * i));
  const sum = raw.reduce((total, weight, i) => total + (i === 0 ? weight : 2 * weight), 0);
  const kernel = raw.map((weight) => weight / sum);
  // Summed in scipy's order, outermost pairs first: of two places that are equal but for rounding it finds one.
  const tall = new Float64Array(data.length);
  for (let y = 0; y < height; y++) {
    const to = y * width;
    for (let x = 0; x < width; x++) tall[to + x] = kernel[0]! * data[to + x]!;
    for (let k = radius; k >= 1; k--) {
      const weight = kernel[k]!;
      const above = mirrored(y - k, height) * width;
      const below = mirrored(y + k, height) * width;
      for (let x = 0; x < width; x++) tall[to + x]! += weight * (data[above + x]! + data[below + x]!);
    }
  }
  const smooth = new Float64Array(data.length);
  const line = new Float64Array(width + 2 * radius);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < line.length; i++) line[i] = tall[y * width + mirrored(i - radius, width)]!;
    for (let x = 0; x < width; x++) {
      let total = kernel[0]! * line[x + radius]!;
      for (let k = radius; k >= 1; k--) total += kernel[k]! * (line[x + radius - k]! + line[x + radius + k]!);
      smooth[y * width + x] = total;
    }
  }
  return smooth;
}

function mirrored(index: number, size: number): number {
  const i = ((index % (2 * size)) + 2 * size) % (2 * size);
  return i < size ? i : 2 * size - 1 - i;
}
