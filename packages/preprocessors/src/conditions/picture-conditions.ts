import { ControlNetError, defineCondition, type Image } from "@controlnet-js/core";
import * as z from "zod";
import { blankImage, toRgb } from "../image.js";
import { shuffle } from "../maps/shuffle.js";
import { colourGrid, tile } from "../maps/tile.js";

/** What maps that are themselves pictures have in common. */
const picture = {
  channels: 3,
  channelOrder: "rgb",
} as const;

/**
 * A picture with a hole. The hole is where an RGBA picture is transparent (alpha below 128); bytes cannot hold the -1
 * that the network expects there, so the map is black in the hole and `inpaintMap` makes the floats.
 */
export const inpaintCondition = defineCondition({
  ...picture,
  name: "inpaint",
  description: "The picture without the part to be painted anew, which is -1",
  range: [-1, 1],
  alpha: true,
  options: z.object({}),
  prepare(image: Image) {
    if (image.channels !== 4)
      throw new ControlNetError(
        "shape",
        `condition "inpaint": expected RGBA, transparent where to paint, got ${image.channels} channels`,
      );
    const map = blankImage(image.width, image.height, 3);
    for (let i = 0, j = 0; i < image.data.length; i += 4, j += 3)
      if (image.data[i + 3]! >= 128) map.data.set(image.data.subarray(i, i + 3), j);
    return map;
  },
});

/** The picture without its detail. */
export const tileCondition = defineCondition({
  ...picture,
  name: "tile",
  description: "The picture without its detail",
  options: z.object({ factor: z.number().min(1).max(64).default(1).describe("How many times less detail") }),
  prepare: (image, { factor }) => tile(toRgb(image), factor),
});

/** The content of the picture, moved about. */
export const shuffleCondition = defineCondition({
  ...picture,
  name: "shuffle",
  description: "The content of the picture, moved about by a smooth random flow",
  options: z.object({
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0)
      .describe("Another seed, another flow; that of np.random.seed"),
    cell: z
      .number()
      .int()
      .min(2)
      .max(4096)
      .default(256)
      .describe("How far apart the flow is drawn, in pixels"),
  }),
  prepare: (image, options) => shuffle(toRgb(image), options),
});

/** The colours of the picture as blocks. */
export const colourCondition = defineCondition({
  ...picture,
  name: "colour",
  description: "The colours of the picture as large blocks",
  resize: "nearest",
  options: z.object({
    block: z.number().int().min(1).max(1024).default(64).describe("Side of a block in pixels"),
  }),
  prepare: (image, { block }) => colourGrid(image, block),
});
