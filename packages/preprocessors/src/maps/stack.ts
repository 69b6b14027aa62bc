import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage, toRgb } from "../image.js";

/**
 * Maps on top of one another, the channels of the first one first: for a condition that shows several things at once.
 * A grey map takes three equal channels, as maps of lines have everywhere in the field: `stack([canny(image),
 * colourGrid(image)])` has six.
 * @param maps of one size: `[height, width, 1]`, or with a multiple of three channels, such as what `stack` returns
 * @returns `[height, width, channels]`
 * @throws ControlNetError `shape` for an empty list, another size, or another number of channels
 */
export function stack(maps: readonly Image[]): ByteImage {
  const [first] = maps;
  if (first === undefined)
    throw new ControlNetError("shape", "stack: expected at least one map, got an empty list");
  const wide = maps.map((map, i) => widened(map, first, i));
  const { width, height } = first;
  const result = blankImage(
    width,
    height,
    wide.reduce((sum, { channels }) => sum + channels, 0),
  );
  let start = 0;
  for (const { data, channels } of wide) {
    for (let from = 0, to = start; from < data.length; from += channels, to += result.channels)
      for (let c = 0; c < channels; c++) result.data[to + c] = data[from + c]!;
    start += channels;
  }
  return result;
}

function widened(map: Image, { width, height }: Image, i: number): Image {
  const where = `stack: map ${i + 1}`;
  assertImage(where, map);
  if (map.width !== width || map.height !== height)
    throw new ControlNetError(
      "shape",
      `${where}: expected ${width}x${height}, the size of the first map, got ${map.width}x${map.height}`,
    );
  if (map.channels === 1) return toRgb(map);
  if (map.channels % 3 === 0) return map;
  throw new ControlNetError(
    "shape",
    `${where}: expected 1 channel or a multiple of 3, got ${map.channels}` +
      (map.channels === 4 ? "; overWhite(map) lays its transparent parts over white" : ""),
  );
}
