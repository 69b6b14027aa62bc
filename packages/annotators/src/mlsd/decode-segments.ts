import type { Image } from "@controlnet-js/core";
import type { Segment } from "@controlnet-js/preprocessors";

const MAX_SEGMENTS = 200;
/** Half the side of the square in which a centre has to be the largest. */
const REACH = 1;

/**
 * The segments of M-LSD's line map: centres that are the largest of 3x3, the 200 surest, above both thresholds; surest
 * first, in pixels of the network's input (M-LSD `pred_lines`).
 * @param map `[height, width, 9]` as {@link mlsd} gives it
 * @param thresholds.value a centre's least probability
 * @param thresholds.distance the least length, in pixels of the map
 */
export function decodeSegments(
  map: Image<Float32Array>,
  thresholds: { value: number; distance: number },
): Segment[] {
  const { data, width, height, channels } = map;
  const heat = Float32Array.from({ length: width * height }, (_, i) => sigmoid(data[i * channels]!));
  const centres: number[] = [];
  for (let i = 0; i < heat.length; i++)
    if (heat[i]! > thresholds.value && isLargest(heat, i, width, height)) centres.push(i);
  centres.sort((a, b) => heat[b]! - heat[a]!);
  return centres.slice(0, MAX_SEGMENTS).flatMap((i) => {
    const [x1, y1, x2, y2] = data.subarray(i * channels + 1, i * channels + 5) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (!(Math.hypot(x1 - x2, y1 - y2) > thresholds.distance)) return [];
    const [x, y] = [i % width, Math.floor(i / width)];
    return [{ x1: 2 * (x + x1), y1: 2 * (y + y1), x2: 2 * (x + x2), y2: 2 * (y + y2) }];
  });
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

function isLargest(heat: Float32Array, i: number, width: number, height: number): boolean {
  const [x, y] = [i % width, Math.floor(i / width)];
  for (let v = Math.max(0, y - REACH); v <= Math.min(height - 1, y + REACH); v++)
    for (let u = Math.max(0, x - REACH); u <= Math.min(width - 1, x + REACH); u++)
      if (heat[v * width + u]! > heat[i]!) return false;
  return true;
}
