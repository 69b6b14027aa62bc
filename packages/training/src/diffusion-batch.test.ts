import { createSchedule, interpret, levelOf, type Prediction } from "@controlnet-js/samplers";
import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { minSnrWeight, noisedBatch } from "./diffusion-batch.js";

beforeAll(useCpuBackend);

const size = 12;
const indices = Array.from({ length: 40 }, (_, i) => i);
const moments = indices.map((index) => ({
  mean: Float32Array.from({ length: size }, (_, j) => Math.sin(index + j)),
  logVariance: new Float32Array(size).fill(-50), // no more than rounding: the clean latent is the mean
  shape: [2, 2, 3] as const,
}));
const scalingFactor = 0.5;
const cleanAt = (i: number, j: number) => scalingFactor * Math.sin(indices[i]! + j);

/** Few timesteps, so that each is drawn, among them one without any signal. */
const scheduleOf = (prediction: Prediction) =>
  createSchedule({ trainTimesteps: 8, betaEnd: 0.3, rescaleZeroTerminalSnr: true, prediction });

const batchOf = (prediction: Prediction) => {
  const batch = noisedBatch(moments, indices, { schedule: scheduleOf(prediction), scalingFactor, seed: 9 });
  const values = (tensor: Tensor) => Float32Array.from(tensor.dataSync());
  const plain = {
    noisy: values(batch.latents),
    steps: [...values(batch.timesteps)],
    target: values(batch.target),
  };
  dispose(Object.values(batch));
  return plain;
};

describe("the target of a batch", () => {
  test.each<[Prediction, (clean: number, noise: number, level: { alpha: number; sigma: number }) => number]>([
    ["epsilon", (_, noise) => noise],
    ["sample", (clean) => clean],
    ["v", (clean, noise, { alpha, sigma }) => alpha * noise - sigma * clean],
  ])("is the formula's at every timestep: %s", (prediction, formula) => {
    const noise = batchOf("epsilon").target;
    const { noisy, steps, target } = batchOf(prediction);
    expect(new Set(steps)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
    const { alphasCumprod } = scheduleOf(prediction);
    const wanted = { noisy: new Float32Array(target.length), target: new Float32Array(target.length) };
    steps.forEach((step, i) => {
      const level = levelOf(alphasCumprod[step]!);
      for (let j = 0; j < size; j++) {
        const at = i * size + j;
        wanted.noisy[at] = level.alpha * cleanAt(i, j) + level.sigma * noise[at]!;
        wanted.target[at] = formula(cleanAt(i, j), noise[at]!, level);
        // What samplers read in a perfect output are the clean latent and the noise that the batch was made of.
        if (level.alpha === 0 && prediction !== "v") continue;
        const { clean, epsilon } = interpret(prediction, level);
        expect(clean.latent * noisy[at]! + clean.output * target[at]!).toBeCloseTo(cleanAt(i, j), 4);
        expect(epsilon.latent * noisy[at]! + epsilon.output * target[at]!).toBeCloseTo(noise[at]!, 4);
      }
    });
    expectClose(noisy, wanted.noisy, 1e-6);
    expectClose(target, wanted.target, 1e-6);
  });

  test("is refused by name where the prediction is unknown", () => {
    const unknown = "flow" as Prediction;
    expect(() => createSchedule({ prediction: unknown })).toThrow(
      'createSchedule: unknown prediction "flow" (known: epsilon, v, sample)',
    );
    expect(() => createSchedule({ prediction: "v_prediction" as Prediction })).toThrow("known: epsilon, v");
    const schedule = { ...scheduleOf("v"), prediction: unknown };
    expect(() => noisedBatch(moments, indices, { schedule, scalingFactor, seed: 9 })).toThrow(
      'unknown prediction "flow"',
    );
  });
});

describe("min-SNR weights", () => {
  test.each<Prediction>(["epsilon", "sample", "v"])("bound the clean latent's error: %s", (prediction) => {
    for (const alpha of [0.05, 0.3, 0.8, 0.98, 0.999]) {
      const level = { alpha, sigma: Math.sqrt(1 - alpha ** 2) };
      // How much an error of the output moves the clean latent that samplers read from it.
      const factor = interpret(prediction, level).clean.output ** 2;
      const snr = (level.alpha / level.sigma) ** 2;
      expect(minSnrWeight(prediction, level, 5) / factor).toBeCloseTo(Math.min(snr, 5), 6);
    }
  });

  test("are in a batch where they are asked for, and only there", () => {
    const options = { schedule: scheduleOf("v"), scalingFactor, seed: 9 };
    const [plain, weighted] = [
      noisedBatch(moments, indices, options),
      noisedBatch(moments, indices, { ...options, minSnr: 5 }),
    ];
    expect(plain.weights).toBeUndefined();
    const steps = weighted.timesteps.dataSync();
    const wanted = Array.from(steps, (step) =>
      minSnrWeight("v", levelOf(options.schedule.alphasCumprod[step]!), 5),
    );
    expectClose(weighted.weights!.dataSync() as Float32Array, Float32Array.from(wanted), 1e-6);
    dispose([...Object.values(plain), ...Object.values(weighted)]);
  });
});
