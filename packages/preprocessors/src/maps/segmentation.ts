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
      label = nearestLabel(palette, r, g, b);
      known.set(key, label);
    }
    labels[i] = label;
  }
  return { labels, width, height };
}

/** The first of the entries that are nearest to a colour; a noisy picture has millions of colours to look up. */
function nearestLabel(palette: Palette, red: number, green: number, blue: number): number {
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let label = 0; label < palette.length; label++) {
    const colour = palette[label]!;
    const r = colour[0] - red;
    const g = colour[1] - green;
    const b = colour[2] - blue;
    const distance = r * r + g * g + b * b;
    if (distance >= least) continue;
    nearest = label;
    least = distance;
  }
  return nearest;
}
