import { defineCondition } from "@controlnet-js/core";
import { canny, colourGrid, toRgb } from "@controlnet-js/preprocessors";
import * as z from "zod";

/** Where the edges are and which colours lie between them: two maps of three channels each, stacked to six. */
export const edgesAndColours = defineCondition({
  name: "edges-and-colours",
  description: "Canny edges, and the colours of the picture as blocks",
  channels: 6,
  range: [0, 1],
  polarity: "none",
  channelOrder: "none",
  resize: "nearest",
  blankIsError: true,
  // Canny's edges lie in the first channels.
  compare: "edges",
  options: z.object({
    low: z.number().min(0).max(65535).default(100).describe("Canny's low threshold"),
    high: z.number().min(0).max(65535).default(200).describe("Canny's high threshold"),
    block: z.number().int().min(1).max(1024).default(16).describe("Side of a block of colour in pixels"),
  }),
  prepare(image, { low, high, block }) {
    const { width, height } = image;
    const edges = toRgb(canny(image, { low, high }));
    const colours = colourGrid(toRgb(image), block);
    const data = new Uint8Array(width * height * 6);
    for (let from = 0, to = 0; to < data.length; from += 3, to += 6) {
      data.set(edges.data.subarray(from, from + 3), to);
      data.set(colours.data.subarray(from, from + 3), to + 3);
    }
    return { data, width, height, channels: 6 };
  },
});
