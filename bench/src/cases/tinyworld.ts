import { unetConfig } from "@controlnet-js/unet";
import { fill } from "@tensorflow/tfjs-core";
import type { Case } from "../case.js";
import { trainingStep } from "../training-step.js";
import { values } from "../weights.js";

const config = unetConfig({
  channels: [64, 128, 192],
  attention: [true, true, false],
  heads: [2, 4, 6],
  contextChannels: 128,
  sampleSize: 16,
});

/** The quick start's training step: batch 16, 16x16 latents, 128x128 maps. */
const training = (
  precision: "float32" | "bfloat16",
): Pick<Case, "calls" | "warmUp" | "rounds" | "setUp"> => ({
  calls: 5,
  warmUp: 3,
  rounds: 3,
  setUp: () =>
    trainingStep(
      config,
      () => ({
        latents: values([16, 16, 16, 4]),
        timesteps: fill([16], 10),
        context: values([16, 32, 128]),
        target: values([16, 16, 16, 4]),
        map: values([16, 128, 128, 3], 0.5),
      }),
      { precision, hintWidths: [16, 32, 64, 128] },
    ),
});

export const tinyworld: Case[] = [
  {
    name: "tinyworld-training",
    title: "tinyworld ControlNet training step, batch 16",
    others: ["op by op", "wasm"],
    goal: { peer: "pytorch", time: 1 },
    ...training("float32"),
  },
  {
    name: "tinyworld-training-bfloat16",
    title: "tinyworld ControlNet training step, batch 16, bfloat16",
    others: [],
    ...training("bfloat16"),
  },
];
