import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage } from "@controlnet-js/preprocessors";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { type Json, parseJson } from "./parse-json.js";
import { type PictureSize, pictureSizeSchema, sizedSides } from "./picture-size.js";
import { type PillowFilter, pillowFilter, resizePillow } from "./resize-pillow.js";

/** What a picture becomes before a network of transformers sees it. */
export interface PictureProcessor {
  /** The size to which every picture is brought; undefined for its own. */
  size: PictureSize | undefined;
  filter: PillowFilter;
  /** The part in the middle that is seen, black around a smaller picture. */
  crop?: { width: number; height: number };
  /** For each channel what a byte counts as, [256]. */
  values: [Float32Array, Float32Array, Float32Array];
  /** Both sides are filled up to multiples of it by zeros around. */
  padMultiple?: number;
}

/** What an image processor does where its config says nothing. */
export interface ProcessorDefaults {
  size: PictureSize;
  /** What `size` means as a number alone. Default a square. */
  sideAlone?: "square" | "shortest";
  /** Pillow's number of the filter. */
  resample: number;
  mean: [number, number, number];
  deviation: [number, number, number];
  /** Of a processor that can crop: its size, and whether it does so unasked. */
  crop?: { width: number; height: number; unasked: boolean };
  /** Whether it is DPT's, which keeps the sides' ratio, rounds to multiples and pads on request. */
  isDpt?: boolean;
}

const wanted = "expected a number, or one for each of 3 channels";
const colours = z
  .union(
    [
      z.number().transform((value) => [value, value, value]),
      z.array(z.number()).refine(({ length }) => length === 3, wanted),
    ],
    wanted,
  )
  .transform((values) => values as [number, number, number]);
const no = z.literal(false, "not built; expected false").default(false);
const flag = z.boolean();
const multiple = z.int().positive().max(8192);

/**
 * Reads an image processor's config, `preprocessor_config.json`: resizing, cropping, rescaling, normalising, padding.
 * @param where the file, named in errors
 * @throws ControlNetError `unsupported` naming each step that is not built
 */
export function pictureProcessor(where: string, json: Json, defaults: ProcessorDefaults): PictureProcessor {
  const { isDpt = false, crop } = defaults;
  const given = parseJson(
    where,
    z.object({
      do_resize: flag.default(true),
      size: pictureSizeSchema(defaults.sideAlone ?? "square").default(defaults.size),
      keep_aspect_ratio: flag.default(false),
      ensure_multiple_of: multiple.default(1),
      resample: z.int().default(defaults.resample),
      do_center_crop: crop ? flag.default(crop.unasked) : no,
      crop_size: pictureSizeSchema("square").optional(),
      do_pad: isDpt ? flag.default(false) : no,
      size_divisor: multiple.optional(),
      do_rescale: flag.default(true),
      rescale_factor: z
        .number()
        .positive()
        .default(1 / 255),
      do_normalize: flag.default(true),
      image_mean: colours.default(defaults.mean),
      image_std: colours
        .refine((values) => values.every((value) => value > 0), "expected numbers above 0")
        .default(defaults.deviation),
    }),
    json,
  );
  return {
    size: given.do_resize ? (isDpt ? dptSize(where, given) : given.size) : undefined,
    filter: pillowFilter(where, given.resample),
    ...(crop && given.do_center_crop && { crop: fixedSize(where, "crop_size", given.crop_size ?? crop) }),
    values: [0, 1, 2].map((channel) => valuesOf(given, channel)) as PictureProcessor["values"],
    ...(given.do_pad && given.size_divisor !== undefined && { padMultiple: given.size_divisor }),
  };
}

const dptSize = (
  where: string,
  given: { size: PictureSize; keep_aspect_ratio: boolean; ensure_multiple_of: number },
): PictureSize => ({
  ...fixedSize(where, "size", given.size),
  keepRatio: given.keep_aspect_ratio,
  multiple: given.ensure_multiple_of,
});

function fixedSize(where: string, key: string, size: PictureSize): { width: number; height: number } {
  if ("width" in size) return { width: size.width, height: size.height };
  throw new ControlNetError("unsupported", `${where}: "${key}": expected height and width`);
}

interface Colours {
  do_rescale: boolean;
  rescale_factor: number;
  do_normalize: boolean;
  image_mean: [number, number, number];
  image_std: [number, number, number];
}

/** What each byte of a channel becomes, rounded to 32 bits where NumPy rounds. */
function valuesOf(given: Colours, channel: number): Float32Array {
  const mean = Math.fround(given.image_mean[channel]!);
  const deviation = Math.fround(given.image_std[channel]!);
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const value = given.do_rescale ? Math.fround(byte * given.rescale_factor) : byte;
    return given.do_normalize ? Math.fround(value - mean) / deviation : value;
  });
}

/**
 * An RGB picture as the network takes it, [height, width, 3].
 * @throws ControlNetError `shape` for another number of channels, or a picture too narrow for its size
 */
export function processPixels(
  where: string,
  picture: Image,
  processor: PictureProcessor,
): Image<Float32Array> {
  assertImage(where, picture, [3]);
  const { size, filter, crop, values, padMultiple } = processor;
  const sides = size && sizedSides(where, picture, size);
  const sized = sides ? resizePillow(picture, sides.width, sides.height, filter) : picture;
  const { data, width, height } = crop ? cropMiddle(sized, crop.width, crop.height) : sized;
  const pixels = new Float32Array(data.length);
  for (let i = 0; i < pixels.length; i += 3)
    for (let c = 0; c < 3; c++) pixels[i + c] = values[c]![data[i + c]!]!;
  const image = { data: pixels, width, height, channels: 3 };
  return padMultiple === undefined ? image : padAround(image, padMultiple);
}

/** The same as a tensor, [1, height, width, 3]. The caller disposes it. */
export function processPicture(where: string, picture: Image, processor: PictureProcessor): Tensor4D {
  const { data, width, height } = processPixels(where, picture, processor);
  return tensor4d(data, [1, height, width, 3]);
}

/** The middle of a picture; where it is smaller, black is around it. */
function cropMiddle(image: Image, width: number, height: number): ByteImage {
  const part = blankImage(width, height, image.channels);
  copyInto(part, image, Math.ceil((width - image.width) / 2), Math.ceil((height - image.height) / 2));
  return part;
}

/** Zeros on all sides up to multiples; where they can't be shared evenly, one more on the right and below. */
function padAround(image: Image<Float32Array>, multiple: number): Image<Float32Array> {
  const { channels } = image;
  const [width, height] = [ceilTo(image.width, multiple), ceilTo(image.height, multiple)];
  const padded = { data: new Float32Array(width * height * channels), width, height, channels };
  copyInto(padded, image, Math.floor((width - image.width) / 2), Math.floor((height - image.height) / 2));
  return padded;
}

const ceilTo = (side: number, multiple: number): number => Math.ceil(side / multiple) * multiple;

/** Lays a picture on another, its upper left corner at (x, y); what lies outside is left out. */
function copyInto<D extends Uint8Array | Float32Array>(
  to: { data: D; width: number; height: number },
  from: { data: D; width: number; height: number; channels: number },
  x: number,
  y: number,
): void {
  const first = Math.max(0, -x);
  const end = Math.min(from.width, to.width - x);
  if (end <= first) return;
  for (let row = Math.max(0, -y); row < Math.min(from.height, to.height - y); row++)
    to.data.set(
      from.data.subarray(
        (row * from.width + first) * from.channels,
        (row * from.width + end) * from.channels,
      ),
      ((row + y) * to.width + x + first) * from.channels,
    );
}
