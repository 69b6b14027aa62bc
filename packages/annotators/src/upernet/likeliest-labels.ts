import type { Image } from "@controlnet-js/core";
import type { LabelMap } from "@controlnet-js/preprocessors";

/** A picture of many channels that is read from its upper row to its lowest. */
interface Rows {
  width: number;
  height: number;
  /** [width, channels]; valid until the next call. */
  row(y: number): Float32Array;
}

/**
 * The class with the largest logit at each pixel after the logits were enlarged to each of the sizes in turn: transformers'
 * `post_process_semantic_segmentation`, bilinear with pixel centres aligned. Row by row, so that the enlarged logits of
 * all classes are never held.
 * @param logits [height, width, classes]
 */
export function likeliestLabels(
  { data, width, height, channels }: Image<Float32Array>,
  sizes: readonly { width: number; height: number }[],
): LabelMap {
  const stride = width * channels;
  const first: Rows = { width, height, row: (y) => data.subarray(y * stride, (y + 1) * stride) };
  const rows = sizes.reduce<Rows>(
    (source, size) => enlarge(source, channels, size.width, size.height),
    first,
  );
  const labels = new Int32Array(rows.width * rows.height);
  for (let y = 0, i = 0; y < rows.height; y++) {
    const row = rows.row(y);
    for (let x = 0, at = 0; x < rows.width; x++, i++, at += channels) {
      let best = 0;
      for (let label = 1; label < channels; label++) if (row[at + label]! > row[at + best]!) best = label;
      labels[i] = best;
    }
  }
  return { labels, width: rows.width, height: rows.height };
}

function enlarge(source: Rows, channels: number, width: number, height: number): Rows {
  if (source.width === width && source.height === height) return source;
  const columns = tapsOf(source.width, width);
  const lines = tapsOf(source.height, height);
  const stride = width * channels;
  const result = new Float32Array(stride);
  const kept = [0, 1].map(() => ({ y: -1, values: new Float32Array(stride) }));
  /** A row of the source in the width asked for; neighbours have a place each. */
  const widened = (y: number): Float32Array => {
    const slot = kept[y % 2]!;
    if (slot.y !== y) widen(source.row(y), columns, channels, slot.values);
    slot.y = y;
    return slot.values;
  };
  const row = (y: number): Float32Array => {
    const { first, second, share } = lines;
    const upper = widened(first[y]!);
    const lower = widened(second[y]!);
    const weight = share[y]!;
    for (let i = 0; i < stride; i++) result[i] = upper[i]! * (1 - weight) + lower[i]! * weight;
    return result;
  };
  return { width, height, row };
}

function widen(
  source: Float32Array,
  { first, second, share }: Taps,
  channels: number,
  to: Float32Array,
): void {
  for (let x = 0, i = 0; x < share.length; x++) {
    const weight = share[x]!;
    const left = first[x]! * channels;
    const right = second[x]! * channels;
    for (let c = 0; c < channels; c++, i++)
      to[i] = source[left + c]! * (1 - weight) + source[right + c]! * weight;
  }
}

/** For each pixel of a line the two that it lies between and the second one's share. */
interface Taps {
  first: Int32Array;
  second: Int32Array;
  share: Float32Array;
}

function tapsOf(source: number, target: number): Taps {
  const taps = {
    first: new Int32Array(target),
    second: new Int32Array(target),
    share: new Float32Array(target),
  };
  // 32-bit floats, as in PyTorch: between far-off pixels a share's last bits decide which class is ahead.
  const scale = Math.fround(source / target);
  for (let i = 0; i < target; i++) {
    const position = Math.max(0, Math.fround(Math.fround(scale * (i + 0.5)) - 0.5));
    const first = Math.min(Math.floor(position), source - 1);
    taps.first[i] = first;
    taps.second[i] = Math.min(first + 1, source - 1);
    taps.share[i] = Math.min(1, position - first);
  }
  return taps;
}
