import { defineCondition } from "@controlnet-js/core";
import { publishedNetworks, softEdges } from "@controlnet-js/preprocessors";
import * as z from "zod";

/** Soft outlines by HED in one channel, weak ones left out. */
export const softOutlines = defineCondition({
  name: "soft-outlines",
  channels: 1,
  polarity: "white-on-black",
  options: z.object({
    weakest: z.number().min(0).max(255).default(32).describe("The weakest that is shown"),
  }),
  // For another network: { parts: { model: "what its file is" }, open: ({ model }) => openMine(model) }
  network: publishedNetworks.hed,
  async prepare(image, { weakest }, hed) {
    const edges = softEdges(await hed(image));
    return { ...edges, data: edges.data.map((value) => (value < weakest ? 0 : value)) };
  },
});
