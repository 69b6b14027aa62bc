/** Binomial smoothing and its derivative for the Sobel apertures: the right half, centre first. */
const KERNELS = {
  3: { smooth: [2, 1], slope: [0, 1] },
  5: { smooth: [6, 4, 1], slope: [0, 2, 1] },
  7: { smooth: [20, 15, 6, 1], slope: [0, 5, 4, 1] },
} as const;

/** The side of a Sobel kernel. */
export type Aperture = keyof typeof KERNELS;

/** Writes both derivatives of row `y` into `dx` and `dy`, channels interleaved. */
export type SobelRows = (y: number, dx: Int16Array, dy: Int16Array) => void;

/**
 * Horizontal and vertical Sobel derivatives of an interleaved byte image, one row at a time, with the border
 * pixels repeated outwards. Aperture 7 is divided by 16, ties to even, as OpenCV's Canny does to stay in 16 bits.
 */
export function sobelRows(
  data: Uint8Array | Uint8ClampedArray,
  width: number,
  height: number,
  channels: number,
  aperture: Aperture,
): SobelRows {
  const stride = width * channels;
  const radius = aperture >> 1;
  const margin = radius * channels;
  const smoothed = new Int16Array(stride + 2 * margin);
  const sloped = new Int16Array(stride + 2 * margin);
  const repeatBorder = (row: Int16Array) => {
    for (let i = 0; i < margin; i++) {
      row[i] = row[margin + (i % channels)]!;
      row[margin + stride + i] = row[stride + (i % channels) + margin - channels]!;
    }
  };
  const clampRow = (y: number) => (y < 0 ? 0 : y >= height ? height - 1 : y) * stride;

  if (aperture === 3)
    return (y, dx, dy) => {
      const above = clampRow(y - 1);
      const here = y * stride;
      const below = clampRow(y + 1);
      for (let i = 0; i < stride; i++) {
        const a = data[above + i]!;
        const b = data[below + i]!;
        smoothed[i + margin] = a + 2 * data[here + i]! + b;
        sloped[i + margin] = b - a;
      }
      repeatBorder(smoothed);
      repeatBorder(sloped);
      const right = 2 * channels;
      for (let i = 0; i < stride; i++) {
        dx[i] = smoothed[i + right]! - smoothed[i]!;
        dy[i] = sloped[i]! + 2 * sloped[i + channels]! + sloped[i + right]!;
      }
    };

  const smooth: readonly number[] = KERNELS[aperture].smooth;
  const slope: readonly number[] = KERNELS[aperture].slope;
  return (y, dx, dy) => {
    const here = y * stride;
    for (let i = 0; i < stride; i++) smoothed[i + margin] = smooth[0]! * data[here + i]!;
    sloped.fill(0);
    for (let k = 1; k <= radius; k++) {
      const above = clampRow(y - k);
      const below = clampRow(y + k);
      const weight = smooth[k]!;
      const rise = slope[k]!;
      for (let i = 0; i < stride; i++) {
        const a = data[above + i]!;
        const b = data[below + i]!;
        smoothed[i + margin]! += weight * (a + b);
        sloped[i + margin]! += rise * (b - a);
      }
    }
    repeatBorder(smoothed);
    repeatBorder(sloped);
    for (let i = 0; i < stride; i++) {
      const centre = i + margin;
      let x = 0;
      let v = smooth[0]! * sloped[centre]!;
      for (let k = 1, step = channels; k <= radius; k++, step += channels) {
        x += slope[k]! * (smoothed[centre + step]! - smoothed[centre - step]!);
        v += smooth[k]! * (sloped[centre + step]! + sloped[centre - step]!);
      }
      dx[i] = aperture === 7 ? sixteenth(x) : x;
      dy[i] = aperture === 7 ? sixteenth(v) : v;
    }
  };
}

/** value / 16, ties to even. */
function sixteenth(value: number): number {
  const floor = value >> 4;
  const rest = value & 15;
  return rest > 8 || (rest === 8 && (floor & 1) === 1) ? floor + 1 : floor;
}
