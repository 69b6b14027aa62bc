/** A request for the standard Hough transform with its tables. */
export interface LinesRequest {
  /** The positions of the points that vote. */
  xs: Float32Array;
  ys: Float32Array;
  /** Cosines and sines of every angle, over the step of rho. */
  cosines: Float32Array;
  sines: Float32Array;
  /** How many steps of rho there are; rho 0 lies at `centre` of a row with a border. */
  distances: number;
  centre: number;
  threshold: number;
}

/** Local maxima: where each lies in the accumulator (rows of `distances + 2`) and its votes; in no order. */
export interface Peaks {
  at: ArrayLike<number>;
  votes: ArrayLike<number>;
}

/** round(x cos + y sin), in 32-bit floats and ties to even as OpenCV's sums are. */
export function nearest(x: number, cosine: number, y: number, sine: number): number {
  const value = Math.fround(Math.fround(x * cosine) + Math.fround(y * sine));
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor + (floor & 1);
}

/** The peaks in plain TypeScript: what the WebAssembly kernel is tested against, and stands in for. */
export function peaksPlain({ xs, ys, cosines, sines, distances, centre, threshold }: LinesRequest): Peaks {
  const angles = cosines.length;
  const pitch = distances + 2;
  const counts = new Int32Array((angles + 2) * pitch);
  for (let n = 0; n < angles; n++) {
    const row = (n + 1) * pitch + centre;
    const cosine = cosines[n]!;
    const sine = sines[n]!;
    for (let p = 0; p < xs.length; p++) counts[row + nearest(xs[p]!, cosine, ys[p]!, sine)]!++;
  }
  const peaks = { at: [] as number[], votes: [] as number[] };
  for (let n = 1; n <= angles; n++)
    for (let r = 1; r <= distances; r++) {
      const at = n * pitch + r;
      const count = counts[at]!;
      if (count <= threshold || count <= counts[at - 1]! || count < counts[at + 1]!) continue;
      if (count <= counts[at - pitch]! || count < counts[at + pitch]!) continue;
      peaks.at.push(at);
      peaks.votes.push(count);
    }
  return peaks;
}
