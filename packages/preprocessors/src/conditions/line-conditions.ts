import { type Detection, defineCondition, type Image } from "@controlnet-js/core";
import * as z from "zod";
import { canny } from "../canny.js";
import { houghSegments, type Segment } from "../hough-segments.js";
import { toRgb } from "../image.js";
import { invert } from "../maps/binary.js";
import { drawSegments } from "../maps/draw-segments.js";
import { lineartStandard } from "../maps/lineart-standard.js";
import { fakeScribble, scribble, scribbleXdog } from "../maps/scribble.js";
import { softEdges } from "../maps/soft-edges.js";
import { publishedNetworks } from "./networks.js";

/** What all maps of lines have in common: three equal channels, white on black. */
const lines = {
  channels: 3,
  polarity: "white-on-black",
  blankIsError: true,
  compare: "edges",
} as const;

/** Straight lines by the Hough transform of a Canny map, white lines of one pixel. */
export const houghCondition = defineCondition({
  ...lines,
  name: "hough",
  description: "Straight lines found by the Hough transform of the Canny edges",
  resize: "nearest",
  options: z.object({
    low: z.number().min(0).max(65535).default(100).describe("Canny's low threshold"),
    high: z.number().min(0).max(65535).default(200).describe("Canny's high threshold"),
    threshold: z.number().int().min(1).max(10000).default(50).describe("Votes that a line needs"),
    minLength: z.number().min(0).max(10000).default(30).describe("Shortest segment in pixels"),
    maxGap: z.number().min(0).max(10000).default(10).describe("Largest gap in a segment in pixels"),
  }),
  prepare(image, { low, high, ...options }) {
    const segments = houghSegments(canny(image, { low, high }), options);
    return drawn(segments, image);
  },
});

/** The segments' map with the segments themselves. */
const drawn = (segments: readonly Segment[], { width, height }: Image): Detection => ({
  map: toRgb(drawSegments(segments, width, height)),
  findings: { segments },
});

/** Straight lines by M-LSD, what the first ControlNets call "Hough". */
export const mlsdCondition = defineCondition({
  ...lines,
  name: "mlsd",
  description: "Straight lines found by the M-LSD network",
  resize: "nearest",
  options: z.object({
    value: z.number().min(0.01).max(2).default(0.1).describe("Score that a line needs"),
    distance: z.number().min(0.01).max(20).default(0.1).describe("Shortest line"),
  }),
  network: publishedNetworks.mlsd,
  prepare: async (image, thresholds, detect) => drawn(await detect(toRgb(image), thresholds), image),
});

/** Scribbles: ink on paper, an edge filter, or soft edges drawn over as by hand, which is the default with a network. */
export const scribbleCondition = defineCondition({
  ...lines,
  name: "scribble",
  description: "A hand-drawn scribble, white on black",
  resize: "nearest",
  options: z.object({
    method: z
      .enum(["xdog", "ink", "soft-edges"])
      .default("xdog")
      .describe("From a photograph, from dark ink on paper, or from the soft edges of a network"),
    threshold: z.number().min(1).max(255).optional().describe("Default 32 for xdog and 127 for ink"),
  }),
  network: {
    ...publishedNetworks.hed,
    needed: ({ method }) => method === "soft-edges",
    defaults: { method: "soft-edges" },
  },
  async prepare(image, { method, threshold }, detect) {
    if (method === "ink") return toRgb(scribble(image, threshold));
    if (method === "xdog") return toRgb(scribbleXdog(image, threshold));
    return toRgb(fakeScribble(softEdges(await detect(toRgb(image)))));
  },
});

const softEdgeCondition = (name: "hed" | "softedge") =>
  defineCondition({
    ...lines,
    name,
    description: "Soft edges found by a network such as HED",
    resize: "area",
    options: z.object({
      safe: z.boolean().default(false).describe("Three steps only, which hides the picture behind the edges"),
    }),
    network: publishedNetworks.hed,
    prepare: async (image, options, detect) => toRgb(softEdges(await detect(toRgb(image)), options)),
  });

/** Soft edges by HED. */
export const hedCondition = /* @__PURE__ */ softEdgeCondition("hed");

/** Soft edges by any network: the name that ControlNet 1.1 gave to HED's maps. */
export const softedgeCondition = /* @__PURE__ */ softEdgeCondition("softedge");

/**
 * Line art: by a filter, or by a network that gives lines in [0, 1], bright on dark, which is the default where there is
 * one. Such networks paint dark on white; their bytes are cut off before they are inverted, as the field does.
 */
export const lineartCondition = defineCondition({
  ...lines,
  name: "lineart",
  description: "Line art, white on black",
  resize: "area",
  options: z.object({
    method: z.enum(["standard", "network"]).default("standard").describe("By a filter, or by a network"),
    sigma: z.number().min(0.1).max(100).default(6).describe("Surroundings in pixels; standard only"),
    threshold: z
      .number()
      .min(0)
      .max(255)
      .default(8)
      .describe("What stands out by less is left out of the median"),
  }),
  network: {
    ...publishedNetworks.lineart,
    needed: ({ method }) => method === "network",
    defaults: { method: "network" },
  },
  async prepare(image, { method, ...options }, detect) {
    if (method === "standard") return toRgb(lineartStandard(image, options));
    const edges = await detect(toRgb(image));
    const paper = softEdges({ ...edges, data: edges.data.map((value) => 1 - value) });
    return toRgb(invert(paper));
  },
});
