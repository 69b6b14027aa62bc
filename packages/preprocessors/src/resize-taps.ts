/** How pixels are read between pixels. */
export type Interpolation = "nearest" | "bilinear" | "cubic" | "lanczos4" | "area";

/** For each pixel of a resized line: which source pixels it reads and how much of each. */
export interface Taps {
  /** Source pixels per target pixel. */
  count: number;
  /** `[size, count]`, inside the source: beyond its ends the border pixel repeats. */
  indices: Int32Array;
  /** `[size, count]`; each line sums to 1. */
  weights: Float32Array;
}

/** The taps of one axis for bilinear, cubic and Lanczos resizing with pixel centres aligned, as in OpenCV. */
export function resizeTaps(
  source: number,
  target: number,
  method: "bilinear" | "cubic" | "lanczos4" | "area-enlarging",
): Taps {
  const count = method === "cubic" ? 4 : method === "lanczos4" ? 8 : 2;
  const indices = new Int32Array(target * count);
  const weights = new Float32Array(target * count);
  const scale = 1 / (target / source);
  for (let i = 0; i < target; i++) {
    let position = Math.fround((i + 0.5) * scale - 0.5);
    let first = Math.floor(position);
    let fraction = Math.fround(position - first);
    if (method === "area-enlarging") {
      first = Math.floor(i * scale);
      position = Math.fround(i + 1 - (first + 1) * (target / source));
      fraction = position <= 0 ? 0 : Math.fround(position - Math.floor(position));
    }
    if (count === 2 && first < 0) {
      first = 0;
      fraction = 0;
    }
    if (count === 2 && first >= source - 1) {
      first = source - 1;
      fraction = 0;
    }
    if (method === "cubic") cubicWeights(fraction, weights, i * 4);
    else if (method === "lanczos4") lanczosWeights(fraction, weights.subarray(i * 8, i * 8 + 8));
    else {
      weights[i * 2] = 1 - fraction;
      weights[i * 2 + 1] = fraction;
    }
    const start = first - (count / 2 - 1);
    for (let k = 0; k < count; k++) indices[i * count + k] = Math.min(Math.max(start + k, 0), source - 1);
  }
  return { count, indices, weights };
}

/** Keys' cubic convolution with a = -0.75 at distances 1 + x, x, 1 - x and 2 - x. */
function cubicWeights(x: number, weights: Float32Array, at: number): void {
  weights[at] = far(x + 1);
  weights[at + 1] = near(x);
  weights[at + 2] = near(1 - x);
  weights[at + 3] = 1 - weights[at]! - weights[at + 1]! - weights[at + 2]!;
}

const A = -0.75;
const near = (t: number) => ((A + 2) * t - (A + 3)) * t * t + 1;
const far = (t: number) => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;

/** sinc(t) sinc(t / 4) at the eight pixels around, divided by their sum. */
function lanczosWeights(x: number, weights: Float32Array): void {
  if (x < 2 ** -23) {
    weights.fill(0);
    weights[3] = 1;
    return;
  }
  const raw = new Float64Array(8);
  let sum = 0;
  for (let i = 0; i < 8; i++) {
    const t = x + 3 - i;
    // sin(pi t) has the same size at every tap: only its sign is kept.
    raw[i] = ((i % 2 === 0 ? -1 : 1) * Math.sin((Math.PI * t) / 4)) / (t * t);
    sum += raw[i]!;
  }
  for (let i = 0; i < 8; i++) weights[i] = raw[i]! / sum;
}
