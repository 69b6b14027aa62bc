import { createControlNet } from "@controlnet-js/controlnet";
import { disposeTree, leavesOf, randomInitializer, randomNormalTensor, treeLike } from "@controlnet-js/core";
import { createSchedule, type Prediction } from "@controlnet-js/samplers";
import { createUNet, embedGuidance, unet, unetConfig } from "@controlnet-js/unet";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { noisedBatch } from "./diffusion-batch.js";
import { type ControlBatch, controlNetLoss, type DiffusionLoss, squaredError } from "./losses.js";
import { createTinyTask, tinyDataset } from "./testing/tiny-task.js";

beforeAll(useCpuBackend);

/** Every setting with which a U-Net loads, one by one and together. */
const kinds: Record<string, Parameters<typeof unetConfig>[0]> = {
  plain: {},
  "centred input": { centerInput: true },
  "activations of the time embedding": { timeActivations: ["silu", "gelu"] },
  "embedded guidance": { guidanceChannels: 6 },
  "scale and shift": { scaleShift: true },
  gelu: { activation: "gelu" },
  mish: { activation: "mish" },
  relu: { activation: "relu" },
  "uneven heads": { heads: [3, 5], unevenHeads: true },
  "linear projections, one head a level more": { heads: [2, 4], linearProjection: true },
  "context alone": { contextOnly: [true, false] },
  "a deeper decoder": { depth: [1, 2], decoderDepth: [2, 1] },
  "attention in the decoder alone": { attention: [false, false], decoderAttention: [true, false] },
  "blocks by level": { blocksPerLevel: [1, 2] },
  "a middle of one block": { middle: "residual" },
  "no middle": { middle: "none" },
  "a scaled middle": { middleScale: 2 },
  kernels: { inputKernel: 1, outputKernel: 5 },
  "padding at one side": { downPadding: "down-right" },
  "wider time features": { timeFeatures: 24 },
  "sines first": { cosineFirst: false, frequencyShift: 1 },
  epsilon: { normEpsilon: 1e-3 },
  "8 channels in": { inChannels: 8 },
  "9 channels in": { inChannels: 9 },
  everything: {
    centerInput: true,
    timeActivations: ["gelu", "relu"],
    guidanceChannels: 5,
    scaleShift: true,
    activation: "mish",
    decoderDepth: [1, 2],
    outputKernel: 5,
    middleScale: 1.5,
    inChannels: 9,
  },
};

const shapeOf = (kind: string) =>
  unetConfig({
    channels: [8, 16],
    blocksPerLevel: 1,
    attention: [true, false],
    heads: [2, 2],
    contextChannels: 6,
    groups: 4,
    ...kinds[kind],
  });

const normal = (purpose: string, shape: number[]) =>
  randomNormalTensor({ seed: 3, purpose, index: 0 }, shape);

/** Two noised pictures of 8x8 latents; the further channels of a wide U-Net beside them. */
function batchFor(config: ReturnType<typeof unetConfig>, prediction: Prediction = "epsilon"): ControlBatch {
  const moments = [1, 2].map((step) => ({
    mean: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * step)),
    logVariance: new Float32Array(256).fill(-2),
    shape: [8, 8, 4] as const,
  }));
  const options = { schedule: createSchedule({ prediction }), scalingFactor: 0.2, seed: 5 };
  const { latents, ...noised } = noisedBatch(moments, [0, 1], options);
  const further = normal("further", [2, 8, 8, config.inChannels - 4]) as tf.Tensor4D;
  return {
    ...noised,
    latents: config.inChannels > 4 ? tf.concat([latents, further], 3) : latents,
    context: normal("context", [2, 5, 6]) as tf.Tensor3D,
    map: tf.sigmoid(normal("map", [2, 16, 16, 3])) as tf.Tensor4D,
    ...(config.guidanceChannels && {
      guidance: tf.tensor2d(embedGuidance(1, config.guidanceChannels), [1, config.guidanceChannels]),
    }),
  };
}

describe("a fresh ControlNet", () => {
  test.each(Object.keys(kinds))("has the loss of its locked U-Net, exactly: %s", async (kind) => {
    await expectNoTensorLeak(() => {
      tf.tidy(() => {
        const config = shapeOf(kind);
        const locked = createUNet(config, randomInitializer(1));
        const net = createControlNet(locked, { hintWidths: [4, 4] });
        const { target, map, ...inputs } = batchFor(config);
        const loss = (...leaves: tf.Tensor[]) =>
          controlNetLoss({ ...net, params: treeLike(net.params, leaves) }, locked, {
            ...inputs,
            target,
            map,
          });
        const leaves = leavesOf(net.params);
        const { value, grads } = tf.valueAndGrads(loss)(leaves.map((leaf) => leaf.value));
        expect(value.dataSync()).toEqual(squaredError(unet(locked, inputs), target).dataSync());
        const largest = (under: RegExp) =>
          Math.max(
            ...leaves.map(({ path }, i) => (under.test(path) ? tf.max(tf.abs(grads[i]!)).dataSync()[0]! : 0)),
          );
        for (const link of [/^links\.skips\..*kernel/, /^links\.skips\..*bias/, /^links\.middle\.kernel/])
          expect(largest(link)).toBeGreaterThan(0);
        expect(largest(/^(copy|hint)\./)).toBe(0);
      });
    });
  });

  test.each<Prediction>(["epsilon", "v", "sample"])("has it for each prediction: %s", (prediction) => {
    tf.tidy(() => {
      const config = shapeOf("plain");
      const locked = createUNet(config, randomInitializer(1));
      const net = createControlNet(locked, { hintWidths: [4, 4], globalPooling: true, reversedHint: true });
      const { target, map, ...inputs } = batchFor(config, prediction);
      for (const gradientCheckpointing of [false, true]) {
        const batch = { ...inputs, target, map };
        const loss = controlNetLoss(net, locked, batch, { gradientCheckpointing });
        expect(loss.dataSync()).toEqual(squaredError(unet(locked, inputs), target).dataSync());
      }
    });
  });
});

test("a loss of one's own gets output, target and timesteps; the default takes the weights of timesteps", () => {
  tf.tidy(() => {
    const locked = createUNet(shapeOf("plain"), randomInitializer(1));
    const net = createControlNet(locked, { hintWidths: [4, 4] });
    const batch = batchFor(locked.config);
    const { target, map: _, ...inputs } = batch;
    const absolute: DiffusionLoss = (output, wanted, { timesteps }) =>
      tf.mul(tf.mean(tf.abs(tf.sub(output, wanted))), tf.mean(timesteps)) as tf.Scalar;
    const own = controlNetLoss(net, locked, batch, { loss: absolute });
    expect(own.dataSync()).toEqual(absolute(unet(locked, inputs), target, inputs).dataSync());
    const [first, second] = [tf.tensor1d([2, 0]), tf.tensor1d([0, 2])].map(
      (weights) => controlNetLoss(net, locked, { ...batch, weights }).dataSync()[0]!,
    );
    const even = controlNetLoss(net, locked, batch).dataSync()[0]!;
    expect(first).not.toBeCloseTo(second!, 3);
    expect((first! + second!) / 2).toBeCloseTo(even, 5);
  });
});

test("an embedded guidance reaches the locked U-Net and changes its loss", () => {
  tf.tidy(() => {
    const config = shapeOf("embedded guidance");
    const locked = createUNet(config, randomInitializer(1));
    const net = createControlNet(locked, { hintWidths: [4, 4] });
    const { guidance, ...without } = batchFor(config);
    const lossOf = (batch: ControlBatch) => controlNetLoss(net, locked, batch).dataSync()[0]!;
    expect(lossOf({ ...without, guidance: guidance! })).not.toBe(lossOf(without));
    disposeTree(net);
  });
});

test("a ControlNet's task gives a distilled U-Net the guidance of data, 1", async () => {
  const task = createTinyTask({ unet: { guidanceChannels: 6 } });
  const samples = await Promise.all([0, 1].map((i) => tinyDataset(2).load(i)));
  const batch = await task.batch(samples, [0, 1]);
  expect([...batch.guidance!.dataSync()]).toEqual([...embedGuidance(1, 6)]);
  disposeTree([batch, task.params]);
  task.dispose();
});
