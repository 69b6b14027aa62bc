import { type Condition, defineCondition, type Image } from "@controlnet-js/core";
import * as z from "zod";
import { type CannyOptions, canny, cannyRgb } from "../canny.js";
import type { ByteImage } from "../image.js";

/**
 * Canny's edges, white on black, three equal channels. Defaults as in the field: 100, 200, aperture 3
 * (ControlNet `gradio_canny2image.py`).
 */
export const cannyCondition = defineCondition({
  name: "canny",
  description: "Canny edges, white on black",
  channels: 3,
  polarity: "white-on-black",
  resize: "nearest",
  blankIsError: true,
  compare: "edges",
  options: z.object({
    low: z.number().min(0).max(65535).default(100).describe("Gradients above this continue an edge"),
    high: z.number().min(0).max(65535).default(200).describe("Gradients above this start an edge"),
    aperture: z
      .union([z.literal(3), z.literal(5), z.literal(7)])
      .default(3)
      .describe("Side of the Sobel kernel"),
    l2Gradient: z.boolean().default(false).describe("Whether the gradient's size is Euclidean"),
  }),
  prepare: cannyRgb,
});

/**
 * What makes a condition's map in one channel, where it is a map of lines whose three channels are equal anyway: for those
 * who only write it to a file, a third of the work. Undefined for other conditions.
 */
export function oneChannelMap(
  condition: Condition,
): ((image: Image, options: CannyOptions) => ByteImage) | undefined {
  return (condition as unknown) === cannyCondition ? canny : undefined;
}
