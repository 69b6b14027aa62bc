import { type Linear, linear } from "@controlnet-js/core";
import {
  add,
  concat,
  gather,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  transpose,
} from "@tensorflow/tfjs-core";

/** Attention among the pixels of a window, with a bias for each offset of two of them. */
export interface WindowAttention<L = Tensor> {
  query: Linear<L>;
  key: Linear<L>;
  value: Linear<L>;
  /** [(2 window - 1)^2, heads] */
  biasTable?: L;
  joined: Linear<L>;
}

/** How windows lie. */
export interface WindowLayout {
  heads: number;
  /** Height and width in pixels. */
  window: number;
  /** By how many pixels the windows are moved down and to the right; those at the end hold what lies apart. */
  shift: number;
}

/** Added to the score of two pixels that share a window but don't lie together. */
const APART = -100;

/** `x` [batch, height, width, channels], sides multiples of the window, after every pixel attended to its window. */
export function attendInWindows(x: Tensor4D, params: WindowAttention, layout: WindowLayout): Tensor4D {
  const { heads, window, shift } = layout;
  const [batch, height, width, channels] = x.shape;
  const seen = toWindows(roll(x, shift), window);
  const [windows, pixels] = seen.shape;
  const split = (part: Linear) =>
    transpose(reshape(linear(seen, part), [windows, pixels, heads, channels / heads]), [0, 2, 1, 3]);
  const scale = (channels / heads) ** -0.5;
  const scores: Tensor4D = add(
    mul(matMul(split(params.query), split(params.key), false, true), scale),
    offsetBiases(params.biasTable!, window),
  );
  const masked = shift === 0 ? scores : addForEach(batch, scores, apart(height, width, layout));
  const mixed = transpose(matMul(softmax(masked), split(params.value)), [0, 2, 1, 3]);
  const joined = linear(reshape(mixed, [windows, pixels, channels]) as Tensor3D, params.joined);
  return roll(fromWindows(joined, window, x.shape), -shift);
}

/** [batch, height, width, channels] to [batch * windows, window^2, channels]. */
function toWindows(x: Tensor4D, window: number): Tensor3D {
  const [batch, height, width, channels] = x.shape;
  const rows = reshape(x, [(batch * height) / window, window, width / window, window * channels]);
  return reshape(transpose(rows, [0, 2, 1, 3]), [-1, window * window, channels]);
}

function fromWindows(x: Tensor3D, window: number, shape: Tensor4D["shape"]): Tensor4D {
  const [batch, height, width, channels] = shape;
  const rows = reshape(x, [(batch * height) / window, width / window, window, window * channels]);
  return reshape(transpose(rows, [0, 2, 1, 3]), shape);
}

/** Moves pixels up and to the left by `shift`; those that leave come in again on the other side. */
function roll(x: Tensor4D, shift: number): Tensor4D {
  if (shift === 0) return x;
  return rollAxis(rollAxis(x, 1, shift), 2, shift);
}

function rollAxis(x: Tensor4D, axis: 1 | 2, shift: number): Tensor4D {
  const length = x.shape[axis];
  const first = (shift + length) % length;
  const part = (start: number, end: number): Tensor4D => {
    const begin: Tensor4D["shape"] = [0, 0, 0, 0];
    const size: Tensor4D["shape"] = [...x.shape];
    begin[axis] = start;
    size[axis] = end - start;
    return slice(x, begin, size);
  };
  return concat([part(first, length), part(0, first)], axis);
}

/** The biases [1, heads, window^2, window^2] of two pixels from the table of their offsets. */
function offsetBiases(table: Tensor, window: number): Tensor4D {
  const pixels = window * window;
  const offsets = new Int32Array(pixels * pixels);
  for (let i = 0; i < pixels; i++)
    for (let j = 0; j < pixels; j++) {
      const down = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const right = (i % window) - (j % window) + window - 1;
      offsets[i * pixels + j] = down * (2 * window - 1) + right;
    }
  const biases: Tensor4D = reshape(gather(table, tensor1d(offsets, "int32")), [
    1,
    pixels,
    pixels,
    table.shape[1]!,
  ]);
  return transpose(biases, [0, 3, 1, 2]);
}

/** What is added to the scores of a picture's windows, [windows, heads, window^2, window^2]. */
function apart(height: number, width: number, { heads, window, shift }: WindowLayout): Tensor4D {
  const pixels = window * window;
  const columns = width / window;
  const windows = (height / window) * columns;
  const region = (at: number, length: number) =>
    (at >= length - window ? 1 : 0) + (at >= length - shift ? 1 : 0);
  const values = new Float32Array(windows * heads * pixels * pixels);
  const regions = new Uint8Array(pixels);
  for (let i = 0, to = 0; i < windows; i++) {
    for (let j = 0; j < pixels; j++) {
      const y = Math.floor(i / columns) * window + Math.floor(j / window);
      const x = (i % columns) * window + (j % window);
      regions[j] = region(y, height) * 3 + region(x, width);
    }
    for (let head = 0; head < heads; head++)
      for (let a = 0; a < pixels; a++)
        for (let b = 0; b < pixels; b++, to++) if (regions[a] !== regions[b]) values[to] = APART;
  }
  return tensor4d(values, [windows, heads, pixels, pixels]);
}

/** Adds the same to the windows of each picture. */
function addForEach(batch: number, scores: Tensor4D, added: Tensor4D): Tensor4D {
  const size = added.size;
  return reshape(add(reshape(scores, [batch, size]), reshape(added, [1, size])), scores.shape);
}
