import { defineCondition } from "@controlnet-js/core";
import { z } from "zod";
import { cannyRgb } from "../canny.js";

/**
 * Canny's edges, white on black, three equal channels. Defaults as in the field: 100, 200, aperture 3
 * (ControlNet `gradio_canny2image.py`).
 */
export const cannyCondition = defineCondition({
  name: "canny",
  description: "Canny edges, white on black",
  channels: 3,
  range: [0, 1],
  polarity: "white-on-black",
  channelOrder: "none",
  resize: "nearest",
  blankIsError: true,
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
