import { defineCondition } from "@controlnet-js/core";
import { canny, colourGrid, stack } from "@controlnet-js/preprocessors";
import * as z from "zod";

/** Where the edges are and which colours lie between them: two maps of three channels each, stacked to six. */
export const edgesAndColours = defineCondition({
  name: "edges-and-colours",
  channels: 6,
  options: z.object({ block: z.number().default(16) }),
  prepare: (image, { block }) => stack([canny(image), colourGrid(image, block)]),
});
