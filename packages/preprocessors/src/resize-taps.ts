export const INTERPOLATIONS = ["nearest", "bilinear", "cubic", "lanczos4", "area"] as const;

/** How pixels are read between pixels. */
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** For each pixel of a resized line: which source pixels it reads and how much of each. */
export interface Taps {
  /** Source pixels per target pixel. */
  count: number;
  /** `[size, count]`, inside the source: beyond its ends the border pixel repeats. */
  indices: Int32Array;
  /** `[size, count]`; each line sums to 1. */
  weights: Float32Array;
}

/**
 * The taps of one axis for bilinear, cubic and Lanczos resizing with pixel centres aligned, as in OpenCV.
 * @param axis beyond the first and last row, two taps share the border's weight, which rounds otherwise than one
 */
export function resizeTaps(
  source: number,
  target: number,
  method: "bilinear" | "cubic" | "lanczos4" | "area-enlarging",
  axis: "columns" | "rows" = "columns",
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
    if (count === 2 && axis === "columns" && (first < 0 || first >= source - 1)) {
      first = first < 0 ? 0 : source - 1;
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

// 32-bit floats throughout, as OpenCV's weights are: the last bit decides how a weight is rounded to 11 bits.
const f = Math.fround;

/** Keys' cubic convolution with a = -0.75 at distances 1 + x, x, 1 - x and 2 - x. */
function cubicWeights(x: number, weights: Float32Array, at: number): void {
  weights[at] = far(f(x + 1));
  weights[at + 1] = near(x);
  weights[at + 2] = near(f(1 - x));
  weights[at + 3] = f(f(1 - weights[at]!) - weights[at + 1]!) - weights[at + 2]!;
}

const A = -0.75;
const near = (t: number) => f(f(f(f(f((A + 2) * t) - (A + 3)) * t) * t) + 1);
const far = (t: number) => f(f(f(f(f(f(A * t) - 5 * A) * t) + 8 * A) * t) - 4 * A);

const S45 = Math.SQRT1_2;
/** Sine and cosine of -45 degrees times each tap's number, as factors of those at the first tap. */
const TURNS = [
  [1, 0],
  [-S45, -S45],
  [0, 1],
  [S45, -S45],
  [-1, 0],
  [S45, S45],
  [0, -1],
  [-S45, S45],
] as const;

/** sinc(t) sinc(t / 4) at the eight pixels around, divided by their sum. */
function lanczosWeights(x: number, weights: Float32Array): void {
  const first = -f(x + 3) * Math.PI * 0.25;
  const sine = Math.sin(first);
  const cosine = Math.cos(first);
  let sum = 0;
  for (let i = 0; i < 8; i++) {
    const t = f(f(x + 3) - i);
    const angle = -t * Math.PI * 0.25;
    // On a pixel it alone counts.
    weights[i] = Math.abs(t) < 1e-6 ? 1e30 : (TURNS[i]![0] * sine + TURNS[i]![1] * cosine) / (angle * angle);
    sum = f(sum + weights[i]!);
  }
  const scale = f(1 / sum);
  for (let i = 0; i < 8; i++) weights[i]! *= scale;
}
