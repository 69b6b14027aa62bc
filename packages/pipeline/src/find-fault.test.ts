import { ControlNetError, disposeTree, leavesOf, treeLike } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openReference, type Reference } from "./testing/references.js";
import { compilePipeline, textToImage } from "./text-to-image.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

let reference: Reference;
beforeAll(async () => {
  await useCpuBackend();
  reference = await openReference();
}, 120_000);
afterAll(() => reference.dispose());

const poisons: tf.Tensor[] = [];
afterAll(() => tf.dispose(poisons));

/** The tree with one value of one leaf replaced, as a half-precision file that overflowed has it. */
function poisoned<P>(tree: P, path: RegExp, value = Number.NaN): P {
  const leaves = leavesOf<tf.Tensor>(tree);
  const at = leaves.findIndex((leaf) => path.test(leaf.path));
  expect(at, String(path)).toBeGreaterThanOrEqual(0);
  const values = leaves[at]!.value.dataSync().slice();
  values[0] = value;
  const poison = tf.tensor(values, leaves[at]!.value.shape);
  poisons.push(poison);
  return treeLike(
    tree,
    leaves.map((leaf, i) => (i === at ? poison : leaf.value)),
  );
}

const picture = () => tf.fill([1, 16, 16, 3], 0.5) as tf.Tensor4D;
const map = () => tf.fill([1, 16, 16, 3], 0.25) as tf.Tensor4D;
const edges = (path?: RegExp, value?: number) => ({
  net: path ? { ...reference.edges, params: poisoned(reference.edges.params, path, value) } : reference.edges,
  map: map(),
});
const depth = () => ({ net: reference.depth, map: map() });
const quick = (options: TextToImageOptions = {}): TextToImageOptions => ({
  prompts: ["a red cube"],
  width: 16,
  height: 16,
  steps: 2,
  guidance: 3,
  ...options,
});
const withUNet = (path: RegExp, value?: number): Pipeline => ({
  ...reference.pipeline,
  unet: { ...reference.pipeline.unet, params: poisoned(reference.pipeline.unet.params, path, value) },
});
const withAutoencoder = (path: RegExp, value?: number): Pipeline => {
  const { autoencoder } = reference.pipeline;
  return {
    ...reference.pipeline,
    autoencoder: { ...autoencoder, params: poisoned(autoencoder.params, path, value) },
  };
};
const withText = (path: RegExp): Pipeline => ({
  ...reference.pipeline,
  text: { ...reference.pipeline.text, params: poisoned(reference.pipeline.text.params, path) },
});

/** What is broken, the run, and what its error says. */
const faults: Record<string, [() => [Pipeline, TextToImageOptions], RegExp]> = {
  "the text encoder": [
    () => [withText(/kernel$/), quick()],
    /after step 1 of 2 of "ddim" \(timestep \d+\): it comes from the text encoder/,
  ],
  "prompt embeddings": [
    () => {
      const positive = tf.fill(
        [1, 4, reference.pipeline.unet.config.contextChannels],
        Number.NaN,
      ) as tf.Tensor3D;
      const { prompts: _, ...rest } = quick({ promptEmbeds: { positive }, guidance: 1 });
      return [reference.pipeline, rest];
    },
    /step 1 of 2 .*from the prompt embeddings/,
  ],
  "given noise": [
    () => [
      reference.pipeline,
      quick({ noise: tf.fill([1, 8, 8, 4], Number.POSITIVE_INFINITY) as tf.Tensor4D }),
    ],
    /from the noise to begin with/,
  ],
  "the U-Net, by NaN": [
    () => [withUNet(/^output\.kernel/), quick()],
    /step 1 of 2 .*from the U-Net: .*full precision/,
  ],
  "the U-Net, by infinity": [
    () => [withUNet(/^down\.0\..*kernel/, Number.POSITIVE_INFINITY), quick({ guidance: 1, sampler: "heun" })],
    /step 1 of 2 of "heun" .*from the U-Net/,
  ],
  "the second ControlNet": [
    () => [reference.pipeline, quick({ controls: [depth(), edges(/^links\.middle\.kernel/)] })],
    /from control 2: look for NaN/,
  ],
  "a named ControlNet": [
    () => [
      reference.pipeline,
      quick({ controls: [{ ...edges(/^copy\.time/, Number.NEGATIVE_INFINITY), name: "canny.pth" }] }),
    ],
    /from canny\.pth: look for NaN/,
  ],
  "a hint encoder": [
    () => [reference.pipeline, quick({ controls: [edges(/^hint\.output\.kernel/), depth()] })],
    /from control 1, its hint encoder/,
  ],
  "a map": [
    () => [
      reference.pipeline,
      quick({ controls: [depth(), { ...edges(), map: tf.fill([1, 16, 16, 3], Number.NaN) as tf.Tensor4D }] }),
    ],
    /from control 2, its map/,
  ],
  "a ControlNet that begins late": [
    () => [
      reference.pipeline,
      quick({ steps: 4, controls: [{ ...edges(/^links\.skips\.0\.bias/), start: 0.5 }] }),
    ],
    /after step 3 of 4 .*from control 1/,
  ],
  "residuals that are too strong": [
    () => [reference.pipeline, quick({ controls: [{ ...edges(), strength: 3e37 }, depth()] })],
    /the U-Net with what control 1 and control 2 add to it: lower the strength/,
  ],
  guidance: [() => [reference.pipeline, quick({ guidance: 1e39 })], /from guidance|finite guidance/],
  "guidance beyond float32": [
    () => [reference.pipeline, quick({ guidance: 3e38 })],
    /from guidance: lower it/,
  ],
  "classifier guidance": [
    () => [
      reference.pipeline,
      quick({
        classifier: { gradient: (x: tf.Tensor4D) => tf.mul(x, Number.POSITIVE_INFINITY) as tf.Tensor4D },
      }),
    ],
    /from the gradient of classifier guidance/,
  ],
  "the autoencoder's encoder": [
    () => [withAutoencoder(/^encoder\..*kernel/), quick({ image: { picture: picture(), strength: 0.5 } })],
    /after step 2 of 2 .*from the autoencoder, in the latents of the initial picture/,
  ],
  "latents kept outside a mask": [
    () => [
      reference.pipeline,
      quick({
        image: {
          latents: tf.fill([1, 8, 8, 4], Number.NaN) as tf.Tensor4D,
          mask: tf.fill([1, 16, 16, 1], 0) as tf.Tensor4D,
        },
      }),
    ],
    /from the latents of the initial picture/,
  ],
  "the autoencoder's decoder, by NaN": [
    () => [withAutoencoder(/^decoder\.output\w*\.bias|^decoder\..*bias/), quick()],
    /picture 1 of 1: it comes from the autoencoder's decoder/,
  ],
  "the autoencoder's decoder, by infinity": [
    () => [withAutoencoder(/^decoder\.convolutionOut\.bias/, Number.POSITIVE_INFINITY), quick()],
    /picture 1 of 1: it comes from the autoencoder's decoder/,
  ],
};

describe("NaN or infinity ends a run with the step and the part that it comes from", () => {
  test.each(Object.keys(faults))("%s", async (name) => {
    const [setUp, message] = faults[name]!;
    const [pipeline, options] = setUp();
    await expectNoTensorLeak(async () => {
      const error = await textToImage(pipeline, options).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ControlNetError);
      expect((error as ControlNetError).message).toMatch(message);
    });
  });

  test("in each picture of a batch that is decoded, also tile by tile", async () => {
    const pipeline = withAutoencoder(/^decoder\.convolutionOut\.bias/, Number.POSITIVE_INFINITY);
    const compiled = compilePipeline(pipeline);
    const latents = tf.zeros([2, 8, 8, 4]) as tf.Tensor4D;
    for (const tiles of [undefined, { tileSize: 8 }])
      await expect(compiled.decodeLatents(latents, tiles)).rejects.toThrow(/picture 1 of 2/);
    compiled.dispose();
    disposeTree(latents);
  });
});

test("what is sound is asked nothing more: one number a step, one a picture", async () => {
  const read = tf.Tensor.prototype.data;
  const sizes: number[] = [];
  tf.Tensor.prototype.data = function (this: tf.Tensor) {
    sizes.push(this.size);
    return read.call(this) as never;
  };
  try {
    const { latents } = await textToImage(reference.pipeline, quick({ steps: 3, controls: [edges()] }));
    latents.dispose();
  } finally {
    tf.Tensor.prototype.data = read;
  }
  expect(sizes.filter((size) => size === 1)).toHaveLength(3 + 1);
  expect(sizes.filter((size) => size > 1)).toEqual([16 * 16 * 3]);
});
