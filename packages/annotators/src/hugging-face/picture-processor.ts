import type { Image } from "@controlnet-js/core";
import { assertImage } from "@controlnet-js/preprocessors";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { type Json, parseJson } from "./parse-json.js";
import { type PillowFilter, pillowFilter, resizePillow } from "./resize-pillow.js";

/** What a picture becomes before a network of transformers sees it. */
export interface PictureProcessor {
  /** The size to which every picture is brought, its sides' ratio lost; undefined for its own. */
  size: { width: number; height: number } | undefined;
  filter: PillowFilter;
  /** A byte counts as `byte * scale[channel] + offset[channel]`. */
  scale: [number, number, number];
  offset: [number, number, number];
}

/** What an image processor does where its config says nothing. */
export interface ProcessorDefaults {
  /** Width and height in pixels. */
  side: number;
  /** Pillow's number of the filter. */
  resample: number;
  mean: [number, number, number];
  deviation: [number, number, number];
}

const side = z.int().positive().max(8192);
const colours = z.tuple([z.number(), z.number(), z.number()]);
const deviations = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);
const no = z.literal(false, "not built; expected false").default(false);

/**
 * Reads an image processor's config, `preprocessor_config.json`: resizing to a fixed size, rescaling, normalising.
 * @param where the file, named in errors
 * @throws ControlNetError `unsupported` naming each step that is not built
 */
export function pictureProcessor(where: string, json: Json, defaults: ProcessorDefaults): PictureProcessor {
  const given = parseJson(
    where,
    z.object({
      do_resize: z.boolean().default(true),
      size: z
        .union(
          [
            z.object({ height: side, width: side }),
            side.transform((size) => ({ height: size, width: size })),
          ],
          "expected one side in pixels, or height and width",
        )
        .default({ height: defaults.side, width: defaults.side }),
      resample: z.int().default(defaults.resample),
      do_center_crop: no,
      do_pad: no,
      do_rescale: z.boolean().default(true),
      rescale_factor: z
        .number()
        .positive()
        .default(1 / 255),
      do_normalize: z.boolean().default(true),
      image_mean: colours.default(defaults.mean),
      image_std: deviations.default(defaults.deviation),
    }),
    json,
  );
  const factor = given.do_rescale ? given.rescale_factor : 1;
  const [mean, deviation] = given.do_normalize
    ? [given.image_mean, given.image_std]
    : ([
        [0, 0, 0],
        [1, 1, 1],
      ] as const);
  return {
    size: given.do_resize ? given.size : undefined,
    filter: pillowFilter(where, given.resample),
    scale: [factor / deviation[0], factor / deviation[1], factor / deviation[2]],
    offset: [-mean[0] / deviation[0], -mean[1] / deviation[1], -mean[2] / deviation[2]],
  };
}

/**
 * An RGB picture as the network takes it, [1, height, width, 3]. The caller disposes it.
 * @throws ControlNetError `shape` for another number of channels
 */
export function processPicture(where: string, picture: Image, processor: PictureProcessor): Tensor4D {
  assertImage(where, picture, [3]);
  const { size, filter, scale, offset } = processor;
  const { data, width, height } = size ? resizePillow(picture, size.width, size.height, filter) : picture;
  const values = new Float32Array(data.length);
  for (let i = 0; i < values.length; i += 3)
    for (let c = 0; c < 3; c++) values[i + c] = data[i + c]! * scale[c]! + offset[c]!;
  return tensor4d(values, [1, height, width, 3]);
}
