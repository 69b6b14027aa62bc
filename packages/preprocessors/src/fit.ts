import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertChoice } from "./assert-choice.js";
import { assertImage, assertSize, type ByteImage, blankImage } from "./image.js";
import { resize } from "./resize.js";
import type { Interpolation } from "./resize-taps.js";
import { roundHalfEven } from "./round-half-even.js";

/**
 * The field's resize rule: the short side becomes `resolution`, both sides are rounded to 64 pixels; Lanczos when
 * enlarging, area when shrinking (ControlNet `annotator/util.py`).
 * @param image `[height, width, channels]`
 * @param resolution the short side in pixels, at least 32
 * @throws ControlNetError `range`
 */
export function resizeToResolution(image: Image, resolution: number): ByteImage {
  assertImage("resizeToResolution", image);
  const { width, height } = sizeAtResolution(image, resolution);
  return resize(image, width, height, resolution > Math.min(image.height, image.width) ? "lanczos4" : "area");
}

/**
 * The sides that {@link resizeToResolution} gives a picture.
 * @throws ControlNetError `shape` or `range`
 */
export function sizeAtResolution(
  { width, height }: { width: number; height: number },
  resolution: number,
): { width: number; height: number } {
  assertSize("sizeAtResolution", width, height);
  assertResolution("sizeAtResolution", resolution);
  const scale = resolution / Math.min(height, width);
  const rounded = (side: number) => Math.max(1, roundHalfEven((side * scale) / 64)) * 64;
  return { width: rounded(width), height: rounded(height) };
}

/**
 * The rule of the web UI: the short side becomes `resolution`, the shape is kept (cubic when enlarging, area when
 * shrinking), and the border pixels are repeated to the right and below up to a multiple of 64. A map made of the
 * result is cut back with {@link crop} to `width` x `height`.
 * @throws ControlNetError `range`
 */
export function resizeWithPadding(
  image: Image,
  resolution: number,
): { image: ByteImage; width: number; height: number } {
  assertImage("resizeWithPadding", image);
  assertResolution("resizeWithPadding", resolution);
  const scale = resolution / Math.min(image.height, image.width);
  const width = Math.max(1, roundHalfEven(image.width * scale));
  const height = Math.max(1, roundHalfEven(image.height * scale));
  const resized = resize(image, width, height, scale > 1 ? "cubic" : "area");
  return { image: padToMultiple(resized, 64), width, height };
}

function assertResolution(where: string, resolution: number): void {
  if (!Number.isInteger(resolution) || resolution < 32 || resolution > 16384)
    throw new ControlNetError(
      "range",
      `${where}: expected a resolution of 32 to 16384 pixels, got ${resolution}`,
    );
}

/**
 * Repeats the last column and row until both sides are multiples of `multiple`.
 * @throws ControlNetError `range`
 */
export function padToMultiple(image: Image, multiple: number): ByteImage {
  assertImage("padToMultiple", image);
  if (!Number.isInteger(multiple) || multiple < 1)
    throw new ControlNetError(
      "range",
      `padToMultiple: expected a whole number of at least 1, got ${multiple}`,
    );
  const width = Math.ceil(image.width / multiple) * multiple;
  const height = Math.ceil(image.height / multiple) * multiple;
  const { channels } = image;
  const result = blankImage(width, height, channels);
  const stride = width * channels;
  for (let y = 0; y < image.height; y++) {
    const from = y * image.width * channels;
    const row = result.data.subarray(y * stride, (y + 1) * stride);
    row.set(image.data.subarray(from, from + image.width * channels));
    for (let i = image.width * channels; i < stride; i++) row[i] = row[i - channels]!;
  }
  for (let y = image.height; y < height; y++)
    result.data.copyWithin(y * stride, (image.height - 1) * stride, image.height * stride);
  return result;
}

/**
 * The part of an image that starts at column `x` and row `y`.
 * @throws ControlNetError `range` where it reaches outside
 */
export function crop(image: Image, x: number, y: number, width: number, height: number): ByteImage {
  assertImage("crop", image);
  const whole = [x, y, width, height].every(Number.isInteger);
  if (
    !whole ||
    x < 0 ||
    y < 0 ||
    width < 1 ||
    height < 1 ||
    x + width > image.width ||
    y + height > image.height
  )
    throw new ControlNetError(
      "range",
      `crop: ${width}x${height} at (${x}, ${y}) is not inside ${image.width}x${image.height}`,
    );
  const { channels } = image;
  const result = blankImage(width, height, channels);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * channels;
    result.data.set(image.data.subarray(from, from + width * channels), row * width * channels);
  }
  return result;
}

/** How a map is brought to the size of the picture to make, as the web UI names it. */
export type ResizeMode = "resize" | "crop" | "fill";

/**
 * A map at exactly `width` x `height`: stretched (`"resize"`), covering and cut at the centre (`"crop"`), or whole
 * with the rest filled by the median colour of its border (`"fill"`).
 * @param method by default area when shrinking and cubic when enlarging; nearest for maps of 3 to 199 colours
 * @throws ControlNetError `shape` or `range`
 */
export function fitImage(
  image: Image,
  width: number,
  height: number,
  mode: ResizeMode,
  method?: Interpolation,
): ByteImage {
  assertImage("fitImage", image);
  assertChoice("fitImage", "mode", mode, ["resize", "crop", "fill"]);
  const to = (w: number, h: number) => resize(image, w, h, method ?? mapInterpolation(image, w, h));
  if (mode === "resize") return to(width, height);
  const scaleX = width / image.width;
  const scaleY = height / image.height;
  const scale = mode === "crop" ? Math.max(scaleX, scaleY) : Math.min(scaleX, scaleY);
  const scaled = to(
    Math.max(1, roundHalfEven(image.width * scale)),
    Math.max(1, roundHalfEven(image.height * scale)),
  );
  if (mode === "crop") {
    const x = Math.max(0, (scaled.width - width) >> 1);
    const y = Math.max(0, (scaled.height - height) >> 1);
    return crop(scaled, x, y, width, height);
  }
  const result = blankImage(width, height, image.channels);
  const background = borderMedian(image);
  for (let i = 0; i < result.data.length; i++) result.data[i] = background[i % image.channels]!;
  const left = Math.max(0, (width - scaled.width) >> 1);
  const top = Math.max(0, (height - scaled.height) >> 1);
  for (let y = 0; y < scaled.height; y++) {
    const from = y * scaled.width * image.channels;
    const row = scaled.data.subarray(from, from + scaled.width * image.channels);
    result.data.set(row, ((top + y) * width + left) * image.channels);
  }
  return result;
}

function mapInterpolation(image: Image, width: number, height: number): Interpolation {
  const colours = new Set<number>();
  const { data, channels } = image;
  for (let i = 0; i < data.length && colours.size < 200; i += channels) {
    let colour = 0;
    for (let c = 0; c < channels; c++) colour = colour * 256 + data[i + c]!;
    colours.add(colour);
  }
  if (colours.size > 2 && colours.size < 200) return "nearest";
  return width * height < image.width * image.height ? "area" : "cubic";
}

function borderMedian(image: Image): number[] {
  const { data, width, height, channels } = image;
  return Array.from({ length: channels }, (_, c) => {
    const at = (x: number, y: number) => data[(y * width + x) * channels + c]!;
    const values: number[] = [];
    for (let x = 0; x < width; x++) values.push(at(x, 0), at(x, height - 1));
    for (let y = 0; y < height; y++) values.push(at(0, y), at(width - 1, y));
    values.sort((a, b) => a - b);
    return Math.floor((values[values.length / 2 - 1]! + values[values.length / 2]!) / 2);
  });
}
