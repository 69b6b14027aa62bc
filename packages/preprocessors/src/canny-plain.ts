import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "./image.js";
import { type Aperture, sobelRows } from "./sobel-rows.js";

/** A request with whole thresholds in the unit of the gradient's size. */
export interface CannyRequest {
  low: number;
  high: number;
  aperture: Aperture;
  l2Gradient: boolean;
}

/** tan(22.5 degrees) in 15-bit fixed point. */
const TAN_22 = 13573;
const CANDIDATE = 0;
const NO_EDGE = 1;
const EDGE = 2;

/** Where edges were found and not yet followed, as indices into the map. */
interface Stack {
  indices: Int32Array;
  size: number;
}

/** Canny's edges in plain TypeScript: what the WebAssembly kernel is tested against, and stands in for. */
export function cannyPlain(image: Image, { low, high, aperture, l2Gradient }: CannyRequest): ByteImage {
  const { width, height, channels } = image;
  const rows = sobelRows(image.data, width, height, channels, aperture);

  // The map has a border of NO_EDGE, so that the walk along edges needs no bounds.
  const pitch = width + 2;
  const map = new Uint8Array(pitch * (height + 2)).fill(NO_EDGE);
  const stack: Stack = { indices: new Int32Array(1 << 14), size: 0 };
  const gradients = Array.from({ length: 3 }, () => ({
    dx: new Int16Array(width * channels),
    dy: new Int16Array(width * channels),
    size: new Int32Array(pitch),
  }));
  for (let y = 0; y <= height; y++) {
    const next = gradients[y % 3]!;
    if (y < height) {
      rows(y, next.dx, next.dy);
      if (channels === 1) gradientSize(next.dx, next.dy, next.size, l2Gradient);
      else strongestChannel(next.dx, next.dy, next.size, l2Gradient, channels);
    } else next.size.fill(0);
    if (y === 0) continue;
    while (stack.indices.length < stack.size + width) stack.indices = grown(stack.indices);
    thin(gradients[(y + 1) % 3]!.size, gradients[(y + 2) % 3]!, next.size, low, high, map, y * pitch, stack);
  }
  follow(map, pitch, stack);

  const edges = blankImage(width, height, 1);
  for (let y = 0, i = 0; y < height; y++)
    for (let m = (y + 1) * pitch + 1, end = m + width; m < end; m++, i++) edges.data[i] = -(map[m]! >> 1);
  return edges;
}

function gradientSize(dx: Int16Array, dy: Int16Array, size: Int32Array, l2Gradient: boolean): void {
  const width = dx.length;
  if (l2Gradient) for (let i = 0; i < width; i++) size[i + 1] = dx[i]! * dx[i]! + dy[i]! * dy[i]!;
  else for (let i = 0; i < width; i++) size[i + 1] = Math.abs(dx[i]!) + Math.abs(dy[i]!);
}

/** Keeps each pixel's channel of the largest gradient (the first of equals) in the front of `dx` and `dy`. */
function strongestChannel(
  dx: Int16Array,
  dy: Int16Array,
  size: Int32Array,
  l2Gradient: boolean,
  channels: number,
): void {
  const width = dx.length / channels;
  for (let i = 0, j = 0; i < width; i++) {
    let bestSize = -1;
    let bestX = 0;
    let bestY = 0;
    for (const end = j + channels; j < end; j++) {
      const x = dx[j]!;
      const y = dy[j]!;
      const s = l2Gradient ? x * x + y * y : Math.abs(x) + Math.abs(y);
      if (s > bestSize) {
        bestSize = s;
        bestX = x;
        bestY = y;
      }
    }
    size[i + 1] = bestSize;
    dx[i] = bestX;
    dy[i] = bestY;
  }
}

/** Non-maximum suppression of one row across the gradient's direction, in four sectors of 45 degrees. */
function thin(
  above: Int32Array,
  row: { dx: Int16Array; dy: Int16Array; size: Int32Array },
  below: Int32Array,
  low: number,
  high: number,
  map: Uint8Array,
  mapRow: number,
  stack: Stack,
): void {
  const { dx, dy, size } = row;
  const indices = stack.indices;
  let top = stack.size;
  for (let i = 1, end = size.length - 1; i < end; i++) {
    const m = size[i]!;
    if (m <= low) continue;
    const xs = dx[i - 1]!;
    const ys = dy[i - 1]!;
    const x = Math.abs(xs);
    const y = Math.abs(ys) << 15;
    const tan22 = x * TAN_22;
    if (y < tan22) {
      if (m <= size[i - 1]! || m < size[i + 1]!) continue;
    } else if (y > tan22 + (x << 16)) {
      if (m <= above[i]! || m < below[i]!) continue;
    } else {
      const side = (xs ^ ys) < 0 ? -1 : 1;
      if (m <= above[i - side]! || m <= below[i + side]!) continue;
    }
    if (m > high) {
      map[mapRow + i] = EDGE;
      indices[top++] = mapRow + i;
    } else map[mapRow + i] = CANDIDATE;
  }
  stack.size = top;
}

/** Hysteresis: candidates that touch an edge become edges. */
function follow(map: Uint8Array, pitch: number, stack: Stack): void {
  let indices = stack.indices;
  let top = stack.size;
  const around = [-pitch - 1, -pitch, -pitch + 1, -1, 1, pitch - 1, pitch, pitch + 1];
  while (top > 0) {
    const at = indices[--top]!;
    if (top + 8 > indices.length) indices = grown(indices);
    for (let k = 0; k < 8; k++) {
      const neighbour = at + around[k]!;
      if (map[neighbour] !== CANDIDATE) continue;
      map[neighbour] = EDGE;
      indices[top++] = neighbour;
    }
  }
}

function grown(indices: Int32Array): Int32Array {
  const larger = new Int32Array(indices.length * 2);
  larger.set(indices);
  return larger;
}
