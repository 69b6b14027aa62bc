import { openCheckpoint } from "@controlnet-js/checkpoints/node";
import { defineCondition } from "@controlnet-js/core";
import { type EdgeNetwork, softEdges, toRgb } from "@controlnet-js/preprocessors";
import { conv2d, sigmoid, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import * as z from "zod";

/** The smallest network: one convolution, from a file with `kernel` `[3, 3, 3, 1]`. */
function openEdges(path: string): EdgeNetwork {
  const source = openCheckpoint(path);
  const kernel = new Float32Array(Uint8Array.from(source.get("kernel").bytes()).buffer);
  source.close();
  return async ({ data, width, height }) => {
    const edges = tidy(() => {
      const image = tensor4d(Float32Array.from(data), [1, height, width, 3]).div<Tensor4D>(255);
      return sigmoid(conv2d(image, tensor4d(kernel, [3, 3, 3, 1]), 1, "same"));
    });
    const plane = { data: (await edges.data()) as Float32Array, width, height, channels: 1 };
    edges.dispose();
    return plane;
  };
}

/** A condition of a user's own, with a network of his own. */
export const darkEdges = defineCondition({
  name: "dark-edges",
  channels: 3,
  options: z.object({
    method: z.enum(["grey", "network"]).default("grey"),
    safe: z.boolean().default(false).describe("Three steps only"),
  }),
  network: {
    parts: { kernel: "one convolution, kernel.safetensors", bias2: "its bias, not used" },
    open: ({ kernel }) => openEdges(kernel!),
    needed: ({ method }) => method === "network",
    defaults: { method: "network" },
  },
  async prepare(image, { method, safe }, network) {
    if (method === "grey") return { ...image, data: new Uint8Array(image.data.length).fill(7) };
    return toRgb(softEdges(await network(toRgb(image)), { safe }));
  },
});
