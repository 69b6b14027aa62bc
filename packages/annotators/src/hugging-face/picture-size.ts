import { ControlNetError } from "@controlnet-js/core";
import { roundHalfEven } from "@controlnet-js/preprocessors";
import * as z from "zod";

interface Sides {
  width: number;
  height: number;
}

/** The size to which an image processor of transformers brings a picture. */
export type PictureSize =
  /** Always the same, or with `keepRatio` near it with the sides' ratio kept; both sides multiples of `multiple`. */
  | (Sides & { keepRatio?: boolean; multiple?: number })
  /** The short side has this many pixels, the long one at most `longestEdge`. */
  | { shortestEdge: number; longestEdge?: number }
  /** The largest that fits. */
  | { maxWidth: number; maxHeight: number };

/** Of a picture as a network sees it. */
const MOST_PIXELS = 1e8;

const side = z.int().positive().max(8192);
const square = (length: number): PictureSize => ({ width: length, height: length });

/**
 * `size` of a processor's config: a side alone, height and width, or an object of either or of bounds.
 * @param sideAlone what a side alone means: a square, or the shortest edge
 */
export const pictureSizeSchema = (sideAlone: "square" | "shortest") =>
  z.union(
    [
      side.transform((length) => (sideAlone === "square" ? square(length) : { shortestEdge: length })),
      z.tuple([side, side]).transform(([height, width]): PictureSize => ({ width, height })),
      z.strictObject({ height: side, width: side }),
      z.strictObject({ shortest_edge: side, longest_edge: side.optional() }).transform(
        ({ shortest_edge: shortestEdge, longest_edge: longestEdge }): PictureSize => ({
          shortestEdge,
          ...(longestEdge !== undefined && { longestEdge }),
        }),
      ),
      z
        .strictObject({ max_height: side, max_width: side })
        .transform(
          ({ max_height: maxHeight, max_width: maxWidth }): PictureSize => ({ maxWidth, maxHeight }),
        ),
    ],
    "expected one side in pixels, height and width, shortest_edge with or without longest_edge, or max_height and max_width",
  );

/**
 * The sides of a picture after resizing, as transformers' processors with Pillow compute them.
 * @throws ControlNetError `shape` where a side of a narrow picture is left without a pixel, or too many come about
 */
export function sizedSides(where: string, picture: Sides, size: PictureSize): Sides {
  const sides = sidesOf(picture, size);
  if (sides.width * sides.height > MOST_PIXELS)
    throw new ControlNetError(
      "shape",
      `${where}: the processor's size makes a picture of ${picture.width}x${picture.height} ${sides.width}x${sides.height}, more than ${MOST_PIXELS} pixels`,
    );
  if (sides.width >= 1 && sides.height >= 1) return sides;
  throw new ControlNetError(
    "shape",
    `${where}: ${picture.width}x${picture.height} is too narrow; the processor's size makes it ${sides.width}x${sides.height}`,
  );
}

function sidesOf({ width, height }: Sides, size: PictureSize): Sides {
  if ("shortestEdge" in size) {
    const [short, long] = width <= height ? [width, height] : [height, width];
    const { short: newShort, long: newLong } = edges(short, long, size);
    return width <= height ? { width: newShort, height: newLong } : { width: newLong, height: newShort };
  }
  if ("maxWidth" in size) {
    const scale = Math.min(size.maxHeight / height, size.maxWidth / width);
    return { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
  }
  const { keepRatio = false, multiple = 1 } = size;
  let across = size.width / width;
  let down = size.height / height;
  // Of the two ratios the one that changes the picture less.
  if (keepRatio && Math.abs(1 - across) < Math.abs(1 - down)) down = across;
  else if (keepRatio) across = down;
  const toMultiple = (length: number) => roundHalfEven(length / multiple) * multiple;
  return { width: toMultiple(across * width), height: toMultiple(down * height) };
}

/** The edges of a picture whose short one is given; the long one's limit, where it counts, decides both. */
function edges(
  short: number,
  long: number,
  { shortestEdge, longestEdge }: { shortestEdge: number; longestEdge?: number },
): { short: number; long: number } {
  const isHeld = longestEdge !== undefined && (long / short) * shortestEdge > longestEdge;
  const exact = isHeld ? (longestEdge * short) / long : shortestEdge;
  const whole = isHeld ? roundHalfEven(exact) : shortestEdge;
  return { short: whole, long: short === whole ? long : Math.trunc((exact * long) / short) };
}
