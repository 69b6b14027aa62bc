import type { Image } from "@controlnet-js/core";

/** For each pixel of a resized line: the first source pixel that it reads, and how much of each from there on. */
interface Taps {
  first: Int32Array;
  weights: Float32Array[];
}

/** How far Lanczos reaches beyond the ends, where the border pixel repeats. */
const BORDER = 4;

/**
 * One plane of 32-bit floats at another size as OpenPose's helpers resize it, within rounding of `cv2.resize`: Lanczos
 * over eight pixels when enlarging, the mean of the covered area when shrinking (`smart_resize`).
 * @param plane `[height, width, 1]`
 */
export function resizePlane(plane: Image<Float32Array>, width: number, height: number): Image<Float32Array> {
  const shrinks = width + height < plane.width + plane.height;
  const tapsOf = shrinks ? areaTaps : lanczosTaps;
  const x = tapsOf(plane.width, width);
  const y = tapsOf(plane.height, height);
  const wide = new Float32Array(width * plane.height);
  const line = new Float32Array(plane.width + 2 * BORDER);
  for (let row = 0; row < plane.height; row++) {
    line.set(plane.data.subarray(row * plane.width, (row + 1) * plane.width), BORDER);
    line.fill(line[BORDER]!, 0, BORDER);
    line.fill(line[BORDER + plane.width - 1]!, BORDER + plane.width);
    for (let i = 0; i < width; i++) {
      const weights = x.weights[i]!;
      const from = x.first[i]! + BORDER;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * line[from + k]!;
      wide[row * width + i] = sum;
    }
  }
  const data = new Float32Array(width * height);
  const sums = new Float64Array(width);
  for (let j = 0; j < height; j++) {
    sums.fill(0);
    const weights = y.weights[j]!;
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k]!;
      const from = Math.min(Math.max(y.first[j]! + k, 0), plane.height - 1) * width;
      for (let i = 0; i < width; i++) sums[i]! += weight * wide[from + i]!;
    }
    data.set(sums, j * width);
  }
  return { data, width, height, channels: 1 };
}

/** sinc(t) sinc(t / 4) at the eight pixels around, divided by their sum. */
function lanczosTaps(source: number, target: number): Taps {
  const first = new Int32Array(target);
  const scale = source / target;
  const weights = Array.from({ length: target }, (_, i) => {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    first[i] = Math.floor(position) - 3;
    const fraction = position - Math.floor(position);
    if (fraction < 2 ** -23) return Float32Array.of(0, 0, 0, 1, 0, 0, 0, 0);
    const raw = Array.from({ length: 8 }, (_, k) => {
      const t = fraction + 3 - k;
      // sin(pi t) has the same size at every tap: only its sign is kept.
      return ((k % 2 === 0 ? -1 : 1) * Math.sin((Math.PI * t) / 4)) / (t * t);
    });
    const sum = raw.reduce((a, b) => a + b, 0);
    return Float32Array.from(raw, (weight) => weight / sum);
  });
  return { first, weights };
}

/** Each source pixel by the part of it that the target pixel covers. */
function areaTaps(source: number, target: number): Taps {
  const first = new Int32Array(target);
  const scale = source / target;
  const weights = Array.from({ length: target }, (_, i) => {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, source)];
    first[i] = Math.floor(start);
    const count = Math.ceil(end - 1e-9) - first[i]!;
    return Float32Array.from({ length: count }, (_, k) => {
      const pixel = first[i]! + k;
      return (Math.min(end, pixel + 1) - Math.max(start, pixel)) / (end - start);
    });
  });
  return { first, weights };
}
