import { ControlNetError, type Image } from "@controlnet-js/core";

/** A picture of one byte a channel, as every function here takes and returns it. */
export type ByteImage = Image<Uint8Array>;

/** The largest picture that is read or made, in pixels: a guard against decompression bombs. */
export const MAX_PIXELS = 2 ** 28;

type AnyImage = Image | Image<Float32Array>;

/**
 * Checks that an image is what it says it is: bytes, as many as its size needs.
 * @param where the function that asks, for the message
 * @param channels the channel counts it accepts; any where left out
 * @throws ControlNetError `shape`, or `range` for a size over {@link MAX_PIXELS}
 */
export function assertImage(where: string, image: Image, channels?: readonly number[]): void {
  assertLayout(where, image, channels);
  assertKind(where, image.data, ["Uint8Array", "Uint8ClampedArray"]);
}

/**
 * The same of an image of 32-bit floats.
 * @throws ControlNetError as {@link assertImage}
 */
export function assertFloats(where: string, image: Image<Float32Array>, channels?: readonly number[]): void {
  assertLayout(where, image, channels);
  assertKind(where, image.data, ["Float32Array"]);
}

function assertChannels(where: string, channels: number): void {
  if (!Number.isInteger(channels) || channels < 1)
    throw new ControlNetError("shape", `${where}: expected at least 1 channel, got ${channels}`);
}

/** A picture of floats in [0, 1] would silently become a black map. */
function assertKind(where: string, data: unknown, kinds: readonly string[]): void {
  // By its name, as arrays of another window or worker are of other classes.
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (!kinds.includes(kind))
    throw new ControlNetError("shape", `${where}: expected data in a ${kinds.join(" or ")}, got ${kind}`);
}

function assertLayout(where: string, image: AnyImage, channels?: readonly number[]): void {
  if (typeof image !== "object" || image === null || typeof image.data !== "object" || image.data === null)
    throw new ControlNetError("shape", `${where}: expected an image { data, width, height, channels }`);
  const { data, width, height } = image;
  assertSize(where, width, height);
  assertChannels(where, image.channels);
  if (channels && !channels.includes(image.channels))
    throw new ControlNetError(
      "shape",
      `${where}: expected ${listed(channels)} channels, got ${image.channels}`,
    );
  if (data.length !== width * height * image.channels)
    throw new ControlNetError(
      "shape",
      `${where}: ${width}x${height}x${image.channels} needs ${width * height * image.channels} values, got ${data.length}`,
    );
}

const listed = (counts: readonly number[]): string =>
  [counts.slice(0, -1).join(", "), ...counts.slice(-1)].filter((part) => part !== "").join(" or ");

/**
 * Checks the size of an image.
 * @throws ControlNetError `shape` for what is no size, `range` for one over {@link MAX_PIXELS}
 */
export function assertSize(where: string, width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new ControlNetError(
      "shape",
      `${where}: expected a width and height of at least 1, got ${width}x${height}`,
    );
  if (width * height > MAX_PIXELS)
    throw new ControlNetError(
      "range",
      `${where}: ${width}x${height} is over the limit of ${MAX_PIXELS} pixels`,
    );
}

/**
 * A black image `[height, width, channels]`.
 * @throws ControlNetError `shape` or `range`
 */
export function blankImage(width: number, height: number, channels: number): ByteImage {
  assertSize("blankImage", width, height);
  assertChannels("blankImage", channels);
  return { data: new Uint8Array(width * height * channels), width, height, channels };
}

/**
 * One grey channel of an RGB or RGBA image: 0.299 R + 0.587 G + 0.114 B in 15-bit fixed point, equal to
 * `cv2.cvtColor(..., COLOR_RGB2GRAY)`. A grey image is returned as it is.
 * @throws ControlNetError `shape`
 */
export function toGrey(image: Image): ByteImage {
  assertImage("toGrey", image, [1, 3, 4]);
  const { data, width, height, channels } = image;
  if (channels === 1) return image;
  const grey = blankImage(width, height, 1);
  for (let i = 0, j = 0; i < grey.data.length; i++, j += channels)
    grey.data[i] = (data[j]! * 9798 + data[j + 1]! * 19235 + data[j + 2]! * 3735 + 16384) >> 15;
  return grey;
}

/**
 * Three equal channels from one; an RGB image is returned as it is.
 * @throws ControlNetError `shape`
 */
export function toRgb(image: Image): ByteImage {
  assertImage("toRgb", image, [1, 3]);
  if (image.channels === 3) return image;
  const { data, width, height } = image;
  const rgb = blankImage(width, height, 3);
  for (let i = 0, j = 0; i < data.length; i++, j += 3)
    rgb.data[j] = rgb.data[j + 1] = rgb.data[j + 2] = data[i]!;
  return rgb;
}
