import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "./image.js";
import { roundHalfEven } from "./round-half-even.js";

/** Which source pixels lie in each target pixel of a shrunk line, and which part of it each of them fills. */
export interface Cover {
  /** Where the entries of a target pixel begin; the last entry is the end. */
  starts: Int32Array;
  sources: Int32Array;
  parts: Float32Array;
}

/** The cover of one axis. */
export function cover(source: number, target: number): Cover {
  const scale = source / target;
  const starts = new Int32Array(target + 1);
  const sources: number[] = [];
  const parts: number[] = [];
  for (let i = 0; i < target; i++) {
    starts[i] = sources.length;
    const from = i * scale;
    const to = from + scale;
    const width = Math.min(scale, source - from);
    const first = Math.ceil(from);
    const last = Math.max(Math.min(Math.floor(to), source - 1), 0);
    const whole = Math.min(first, last);
    const add = (index: number, part: number) => {
      sources.push(index);
      parts.push(part / width);
    };
    if (whole - from > 1e-3) add(whole - 1, whole - from);
    for (let s = whole; s < last; s++) add(s, 1);
    if (to - last > 1e-3) add(last, Math.min(Math.min(to - last, 1), width));
  }
  starts[target] = sources.length;
  return { starts, sources: Int32Array.from(sources), parts: Float32Array.from(parts) };
}

// 32-bit floats throughout, as OpenCV's and the WebAssembly kernel's sums are.
const f = Math.fround;

/** Shrinks by averaging the covered area, as `cv2.resize(..., INTER_AREA)` does. */
export function resizeArea(image: Image, width: number, height: number): ByteImage {
  const { data, channels } = image;
  if (image.width % width === 0 && image.height % height === 0) return averageBlocks(image, width, height);
  const x = cover(image.width, width);
  const y = cover(image.height, height);
  const result = blankImage(width, height, channels);
  const stride = width * channels;
  const line = new Float32Array(stride);
  const sums = new Float32Array(stride);
  let known = -1;
  for (let j = 0; j < height; j++) {
    sums.fill(0);
    for (let e = y.starts[j]!; e < y.starts[j + 1]!; e++) {
      const row = y.sources[e]!;
      if (row !== known) averageRow(data, row * image.width * channels, channels, x, line);
      known = row;
      const part = y.parts[e]!;
      for (let i = 0; i < stride; i++) sums[i]! += f(part * line[i]!);
    }
    const to = j * stride;
    for (let i = 0; i < stride; i++) {
      const value = sums[i]!;
      const floor = value | 0;
      const rest = value - floor;
      result.data[to + i] = rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor + (floor & 1);
    }
  }
  return result;
}

function averageRow(
  data: Image["data"],
  start: number,
  channels: number,
  x: Cover,
  line: Float32Array,
): void {
  const { starts, sources, parts } = x;
  const width = starts.length - 1;
  for (let i = 0, to = 0; i < width; i++, to += channels) {
    const from = starts[i]!;
    const end = starts[i + 1]!;
    if (channels === 3) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let e = from; e < end; e++) {
        const at = start + sources[e]! * 3;
        const part = parts[e]!;
        r = f(r + f(part * data[at]!));
        g = f(g + f(part * data[at + 1]!));
        b = f(b + f(part * data[at + 2]!));
      }
      line[to] = r;
      line[to + 1] = g;
      line[to + 2] = b;
      continue;
    }
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let e = from; e < end; e++)
        sum = f(sum + f(parts[e]! * data[start + sources[e]! * channels + c]!));
      line[to + c] = sum;
    }
  }
}

/** Whole blocks need no weights. Blocks of 2x2 round halves up, others to even, as in OpenCV. */
function averageBlocks(image: Image, width: number, height: number): ByteImage {
  const { data, channels } = image;
  const blockX = image.width / width;
  const blockY = image.height / height;
  const stride = image.width * channels;
  const result = blankImage(width, height, channels);
  const area = blockX * blockY;
  const scale = Math.fround(1 / area);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++, to++) {
        let sum = 0;
        let row = y * blockY * stride + x * blockX * channels + c;
        for (let dy = 0; dy < blockY; dy++, row += stride)
          for (let dx = 0, at = row; dx < blockX; dx++, at += channels) sum += data[at]!;
        result.data[to] =
          area === 4 && blockX === 2 ? (sum + 2) >> 2 : roundHalfEven(Math.fround(sum * scale));
      }
  return result;
}
