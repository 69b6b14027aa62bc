import { controlledUNet, createControlNet } from "@controlnet-js/controlnet";
import type { ControlBatch } from "@controlnet-js/training";
import { createUNet, type UNetInputs, unet, unetConfig } from "@controlnet-js/unet";
import { fill, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Case } from "../case.js";
import { trainingStep } from "../training-step.js";
import { quickInitializer, values } from "../weights.js";

const config = unetConfig();

const inputsFor = (): UNetInputs => ({
  latents: values([1, 64, 64, 4]),
  timesteps: fill([1], 10),
  context: values([1, 77, 768]),
});
const batchFor = (): ControlBatch => ({ ...inputsFor(), target: values([1, 64, 64, 4]), map: mapFor() });
const mapFor = () => values<Tensor4D>([1, 512, 512, 3], 0.5);

const unetCase = (precision: "float32" | "bfloat16"): Case["setUp"] => {
  return (compile) => {
    const model = createUNet(config, quickInitializer);
    const inputs = inputsFor();
    const run = compile((m: typeof model, given: UNetInputs) => unet(m, given), { precision });
    return () => run(model, inputs);
  };
};

const large = { others: ["op by op"], calls: 3, warmUp: 2, rounds: 2 } as const;

/** Stable Diffusion 1.5's models at full size with random weights: 64x64 latents, 512x512 maps, batch 1. */
export const stableDiffusion: Case[] = [
  {
    name: "sd-unet",
    title: "SD 1.5 U-Net, forward",
    ...large,
    goal: { peer: "pytorch", time: 0.9 },
    setUp: unetCase("float32"),
  },
  {
    name: "sd-controlnet",
    title: "SD 1.5 U-Net + ControlNet, forward",
    ...large,
    goal: { peer: "pytorch", time: 0.9 },
    setUp(compile) {
      const locked = createUNet(config, quickInitializer);
      const net = createControlNet(locked, { seed: 1 });
      const [inputs, map] = [inputsFor(), mapFor()];
      const run = compile((u: typeof locked, n: typeof net, given: UNetInputs, hint: Tensor4D) =>
        controlledUNet(u, n, given, hint),
      );
      return () => run(locked, net, inputs, map);
    },
  },
  {
    name: "sd-training",
    title: "SD 1.5 ControlNet training step",
    ...large,
    goal: { peer: "pytorch", time: 0.9, memory: 1.1 },
    setUp: () => trainingStep(config, batchFor),
  },
  {
    name: "sd-training-checkpointing",
    title: "SD 1.5 ControlNet training step, gradient checkpointing",
    ...large,
    others: [],
    goal: { peer: "pytorch", time: 0.9, memory: 1.1 },
    setUp: () => trainingStep(config, batchFor, { gradientCheckpointing: true }),
  },
  {
    name: "sd-unet-bfloat16",
    title: "SD 1.5 U-Net, forward, bfloat16",
    ...large,
    others: [],
    setUp: unetCase("bfloat16"),
  },
  {
    name: "sd-training-bfloat16",
    title: "SD 1.5 ControlNet training step, bfloat16",
    ...large,
    others: [],
    setUp: () => trainingStep(config, batchFor, { precision: "bfloat16" }),
  },
];
