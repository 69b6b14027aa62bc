import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage, toRgb } from "../image.js";
import type { Palette } from "./palettes.js";

/** A class for each pixel: `labels[y * width + x]` is an index into a palette. */
export interface LabelMap {
  labels: Uint8Array | Int32Array;
  width: number;
  height: number;
}

/**
 * Labels as colours.
 * @param palette {@link ADE20K_PALETTE}, {@link COCO_PALETTE} or one of your own
 * @returns `[height, width, 3]`
 * @throws ControlNetError `shape`, or `range` for a label that the palette lacks
 */
export function colourLabels(map: LabelMap, palette: Palette): ByteImage {
  const image = blankImage(map.width, map.height, 3);
  assertImage("colourLabels", image);
  if (map.labels.length !== map.width * map.height)
    throw new ControlNetError(
      "shape",
      `colourLabels: ${map.width}x${map.height} needs ${map.width * map.height} labels, got ${map.labels.length}`,
    );
  for (let i = 0; i < map.labels.length; i++) {
    const colour = palette[map.labels[i]!];
    if (!colour)
      throw new ControlNetError(
        "range",
        `colourLabels: label ${map.labels[i]} at pixel ${i} is not in a palette of ${palette.length} classes`,
      );
    image.data.set(colour, i * 3);
  }
  return image;
}

/**
 * Labels from colours: the nearest entry of the palette at each pixel, so that a map that was resized or stored as
 * JPEG is read as well.
 * @param image `[height, width, 3]`
 * @returns the first class where several have the same colour, as two of ADE20K's do
 * @throws ControlNetError `shape`, or `range` for a palette without colours
 */
export function readLabels(image: Image, palette: Palette): LabelMap {
  if (palette.length === 0)
    throw new ControlNetError("range", "readLabels: expected a palette of at least one colour");
  const { data, width, height } = toRgb(image);
  const known = new Map<number, number>();
  const labels = new Int32Array(width * height);
  for (let i = 0, j = 0; i < labels.length; i++, j += 3) {
    const [r, g, b] = [data[j]!, data[j + 1]!, data[j + 2]!];
    const key = (r << 16) | (g << 8) | b;
    let label = known.get(key);
    if (label === undefined) {
      const distances = palette.map((c) => (c[0] - r) ** 2 + (c[1] - g) ** 2 + (c[2] - b) ** 2);
      label = distances.indexOf(Math.min(...distances));
      known.set(key, label);
    }
    labels[i] = label;
  }
  return { labels, width, height };
}
