import type { Image } from "@controlnet-js/core";
import type { LinesRequest, Peaks } from "../hough-lines-plain.js";
import { MARGIN, type Segment, type SegmentsRequest, walkSteps } from "../hough-segments-plain.js";
import { withKernels } from "./kernels.js";

/** The peaks of the standard Hough transform by the WebAssembly kernels, or undefined where there are none. */
export function peaksKernel(request: LinesRequest): Peaks | undefined {
  const { xs, ys, cosines, sines, distances, centre, threshold } = request;
  const pitch = distances + 2;
  const cells = (cosines.length + 2) * pitch;
  return withKernels(cells + xs.length, (kernels) => {
    const votes = kernels.allocate(Int32Array, cells);
    const points = [kernels.put(xs), kernels.put(ys)];
    const tables = [kernels.put(cosines), kernels.put(sines)];
    kernels.view(Int32Array, votes, cells).fill(0);
    kernels.run.hough_votes(...points, xs.length, ...tables, cosines.length, pitch, centre, votes);
    // No two neighbours are peaks.
    const limit = Math.ceil(cells / 2);
    const peaks = kernels.allocate(Int32Array, limit);
    const found = kernels.run.hough_peaks(votes, cosines.length, distances, threshold, peaks, limit);
    const at = kernels.view(Int32Array, peaks, found).slice();
    const counts = kernels.view(Int32Array, votes, cells);
    return { at, votes: at.map((index) => counts[index]!) };
  });
}

/** The segments of the probabilistic Hough transform by the WebAssembly kernel, or undefined where there is none. */
export function segmentsKernel(edges: Image, request: SegmentsRequest): Segment[] | undefined {
  const { width, height } = edges;
  const { tables, distances, threshold, length, gap } = request;
  const angles = tables.cosines.length;
  const mask = new Uint8Array(edges.data);
  const points = pointsOf(mask);
  return withKernels(width * height + angles * distances, (kernels) => {
    const cells = angles * distances + 2 * MARGIN;
    const votes = kernels.allocate(Int32Array, cells);
    const segments = kernels.allocate(Int32Array, points.length * 4);
    const slopes = Int32Array.from(
      Array.from(tables.cosines, (cosine, n) => {
        const { alongX, dx, dy } = walkSteps(-tables.sines[n]!, cosine);
        return [alongX ? 1 : 0, dx, dy];
      }).flat(),
    );
    const picture = [kernels.put(mask), width, height, kernels.put(points), points.length];
    const lookups = [kernels.put(tables.cosines), kernels.put(tables.sines), kernels.put(slopes), angles];
    kernels.view(Int32Array, votes, cells).fill(0);
    const limits = [distances, votes + MARGIN * 4, threshold, length, gap];
    const found = kernels.run.hough_segments(...picture, ...lookups, ...limits, segments);
    const ends = kernels.view(Int32Array, segments, found * 4);
    return Array.from({ length: found }, (_, i) => ({
      x1: ends[i * 4]!,
      y1: ends[i * 4 + 1]!,
      x2: ends[i * 4 + 2]!,
      y2: ends[i * 4 + 3]!,
    }));
  });
}

/** The offsets of all set pixels. */
function pointsOf(mask: Uint8Array): Int32Array {
  let count = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) count++;
  const points = new Int32Array(count);
  for (let i = 0, p = 0; i < mask.length; i++) if (mask[i] !== 0) points[p++] = i;
  return points;
}
