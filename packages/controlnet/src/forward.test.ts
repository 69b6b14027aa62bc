import { readFileSync } from "node:fs";
import { loadTree, parseSafetensors, toFloat32 } from "@controlnet-js/checkpoints";
import {
  cloneTree,
  disposeTree,
  leavesOf,
  randomInitializer,
  randomNormalTensor,
  treeLike,
} from "@controlnet-js/core";
import {
  createUNet,
  unet as runUNet,
  type UNetConfig,
  type UNetInputs,
  type UNetParams,
  unetConfig,
  unetConfigFromDiffusers,
  unetKeyRows,
} from "@controlnet-js/unet";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { type ControlNetConfig, controlNetConfig, controlNetConfigFromDiffusers } from "./config.js";
import { addResiduals, controlledUNet, controlNet, scaleResiduals } from "./forward.js";
import { controlNetKeyRows } from "./keys.js";
import { type ControlNetParams, createControlNet } from "./params.js";

beforeAll(useCpuBackend);

const small = unetConfig({
  channels: [8, 16],
  blocksPerLevel: 1,
  attention: [true, false],
  heads: [2, 2],
  contextChannels: 6,
  groups: 4,
});

function inputsFor(config: UNetConfig, seed = 1): UNetInputs {
  const normal = (purpose: string, shape: number[]) => randomNormalTensor({ seed, purpose, index: 0 }, shape);
  return {
    latents: normal("latents", [2, 8, 8, config.inChannels]) as tf.Tensor4D,
    timesteps: tf.tensor1d([3, 700]),
    context: normal("context", [2, 5, config.contextChannels]) as tf.Tensor3D,
  };
}

const mapFor = (seed: number, channels = 3): tf.Tensor4D =>
  tf.sigmoid(randomNormalTensor({ seed, purpose: "map", index: 0 }, [2, 64, 64, channels]) as tf.Tensor4D);

interface Setup {
  unet: UNetParams;
  config: ControlNetConfig;
  params: ControlNetParams;
  inputs: UNetInputs;
}

function setUp(): Setup {
  const unet = createUNet(small, randomInitializer(5));
  const config = controlNetConfig(small, { hintWidths: [4, 4, 8, 8] });
  return { unet, config, params: createControlNet(unet, config, { seed: 2 }), inputs: inputsFor(small) };
}

describe("against diffusers", () => {
  test.each(["sd15-like", "sd21-like", "one-level", "global-pooling", "settings", "no-middle", "unusual"])(
    "%s: U-Net, ControlNet and strength agree to 1e-5",
    (name) => {
      const source = parseSafetensors(
        readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url)),
      );
      const config = unetConfigFromDiffusers(JSON.parse(source.metadata.unet!));
      const netConfig = controlNetConfigFromDiffusers(JSON.parse(source.metadata.controlnet!));
      const unet = loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), { prefix: "unet." });
      const params = loadTree<ControlNetParams>(source, controlNetKeyRows(netConfig, "diffusers"), {
        prefix: "controlnet.",
      });
      const read = (key: string) => {
        const entry = source.get(key);
        return tf.tensor(toFloat32(entry), entry.shape);
      };
      const nhwc = (key: string) => tf.transpose(read(key), [0, 2, 3, 1]) as tf.Tensor4D;
      const inputs = {
        latents: nhwc("in.latents"),
        timesteps: tf.tensor1d([7, 981]),
        context: read("in.context") as tf.Tensor3D,
        ...(config.guidanceChannels && { guidance: read("in.guidance") as tf.Tensor2D }),
      };
      const hint = nhwc("in.hint");
      expectClose(runUNet(unet, config, inputs), nhwc("out.plain"), 1e-5);
      const residuals = controlNet(params, netConfig, inputs, hint);
      expect(residuals.middle.shape).toEqual(nhwc("out.middle").shape);
      expectClose(residuals.middle, nhwc("out.middle"), 1e-5);
      expectClose(residuals.skips[0]!, nhwc("out.skip0"), 1e-5);
      expectClose(
        controlledUNet(unet, config, params, netConfig, inputs, hint),
        nhwc("out.controlled"),
        1e-5,
      );
      const half = controlledUNet(unet, config, params, netConfig, inputs, hint, { strength: 0.5 });
      expectClose(half, nhwc("out.half"), 1e-5);
    },
  );
});

test("a U-Net whose levels differ in blocks and depth is diffusers'", () => {
  const source = parseSafetensors(
    readFileSync(new URL("../fixtures/uneven-levels.safetensors", import.meta.url)),
  );
  const read = (key: string) => tf.tensor(toFloat32(source.get(key)), source.get(key).shape);
  const nhwc = (key: string) => tf.transpose(read(key), [0, 2, 3, 1]) as tf.Tensor4D;
  const config = unetConfigFromDiffusers(JSON.parse(source.metadata.unet!));
  const unet = loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), { prefix: "unet." });
  const inputs = { latents: nhwc("in.latents"), context: read("in.context") as tf.Tensor3D };
  const got = runUNet(unet, config, { ...inputs, timesteps: tf.tensor1d([7, 981]) });
  expectClose(got, nhwc("out.plain"), 1e-5);
});

describe("a ControlNet that can't be", () => {
  test("is refused by its config, which names what is meant", () => {
    expect(() => controlNetConfig(small, { hintWidths: [] })).toThrow(/controlNetConfig: hintWidths: .*1/);
    expect(() => controlNetConfig(small, { hintChannels: 0 })).toThrow(/hintChannels: .*got 0/);
    expect(() => controlNetConfig(small, { hintChannel: 6 } as object)).toThrow(
      'did you mean "hintChannels"?',
    );
  });

  test("is not made by the config of another U-Net", () => {
    const unet = createUNet(small, randomInitializer(5));
    const wider = controlNetConfig({ ...small, inChannels: 9 });
    expect(() => createControlNet(unet, wider)).toThrow(
      'another U-Net: "input.kernel" would be [3,3,9,8], it is [3,3,4,8]',
    );
    const blunt = controlNetConfig({ ...small, middle: "none" });
    expect(() => createControlNet(unet, blunt)).toThrow(/"middle\.residual1\..*would be missing/);
    disposeTree(unet);
  });
});

describe("a fresh ControlNet", () => {
  test("leaves the output as it is, bit for bit, for any map", () => {
    const { unet, config, params, inputs } = setUp();
    const plain = runUNet(unet, small, inputs).dataSync();
    for (const map of [mapFor(1), mapFor(2), tf.zerosLike(mapFor(1)), tf.onesLike(mapFor(1))])
      expect(controlledUNet(unet, small, params, config, inputs, map).dataSync()).toEqual(plain);
  });

  test("copies the encoder: equal at first, its own afterwards", () => {
    const { unet, params } = setUp();
    const before = leavesOf(unet.down).map(({ value }) => value.dataSync().slice());
    expect(leavesOf(params.copy.down).map(({ value }) => value.dataSync())).toEqual(before);
    disposeTree(params);
    expect(leavesOf(unet.down).map(({ value }) => value.dataSync())).toEqual(before);
  });

  test("learns through its zero convolutions as the paper says", () => {
    const { unet, config, params, inputs } = setUp();
    const map = mapFor(3);
    const loss = (net: ControlNetParams) =>
      tf.mean(tf.square(controlledUNet(unet, small, net, config, inputs, map))) as tf.Scalar;
    const gradientsAt = (net: ControlNetParams) => {
      const leaves = leavesOf(net);
      const gradients = tf.grads((...values: tf.Tensor[]) => loss(treeLike(net, values)))(
        leaves.map((l) => l.value),
      );
      return new Map(leaves.map(({ path }, i) => [path, gradients[i]!]));
    };
    const largest = (gradients: Map<string, tf.Tensor>, pattern: RegExp) =>
      Math.max(
        ...[...gradients]
          .filter(([path]) => pattern.test(path))
          .map(([, g]) => tf.max(tf.abs(g)).dataSync()[0]!),
      );

    const first = gradientsAt(params);
    expect(largest(first, /^links\..*bias/)).toBeGreaterThan(0);
    expect(largest(first, /^links\..*kernel/)).toBeGreaterThan(0);
    expect(largest(first, /^copy\./)).toBe(0);
    expect(largest(first, /^hint\./)).toBe(0);

    const locked = leavesOf(unet).map(({ value }) => value.dataSync().slice());
    const plain = runUNet(unet, small, inputs).dataSync();
    const stepped = treeLike(
      params,
      leavesOf(params).map(({ path, value }) => tf.sub(value, tf.mul(first.get(path)!, 0.1))),
    );
    expect(controlledUNet(unet, small, stepped, config, inputs, map).dataSync()).not.toEqual(plain);
    const second = gradientsAt(stepped);
    expect(largest(second, /^copy\.down\.0\.residual/)).toBeGreaterThan(0);
    expect(largest(second, /^hint\.output/)).toBeGreaterThan(0);
    expect(leavesOf(unet).map(({ value }) => value.dataSync())).toEqual(locked);
  });

  test("says which map it expects", () => {
    const { config, params, inputs } = setUp();
    const wrong = tf.zeros<tf.Rank.R4>([2, 32, 64, 3]);
    expect(() => controlNet(params, config, inputs, wrong)).toThrow(/expected a control map \[2,64,64,3\]/);
  });
});

test("the residuals of several ControlNets add up, scaled by their strengths", () => {
  const { unet, config, inputs } = setUp();
  const make = (seed: number) => {
    const net = createControlNet(unet, config, { seed });
    return {
      ...net,
      links: treeLike(
        net.links,
        leavesOf(net.links).map(({ value }) => tf.fill(value.shape, 0.01 * seed)),
      ),
    };
  };
  const [a, b] = [make(1), make(2)].map((net) => controlNet(net, config, inputs, mapFor(1)));
  const sum = addResiduals([scaleResiduals(a!, 0.5), b!])!;
  expectClose(sum.middle!, tf.add(tf.mul(a!.middle, 0.5), b!.middle));
  expectClose(sum.skips[1]!, tf.add(tf.mul(a!.skips[1]!, 0.5), b!.skips[1]!));
});

test("gradient checkpointing changes no gradient and keeps fewer bytes until the backward pass", () => {
  const { unet, config, params, inputs } = setUp();
  const net = treeLike(
    params,
    leavesOf(params).map(({ value }, i) =>
      tf.add(value, tf.randomNormal(value.shape, 0, 0.02, "float32", i)),
    ),
  );
  const run = (checkpointing: boolean) => {
    let bytes = 0;
    const atTurn = tf.customGrad((x) => ({
      value: tf.mul(x as tf.Tensor, 1),
      gradFunc: (upstream) => {
        bytes = tf.memory().numBytes;
        return tf.mul(upstream, 1);
      },
    }));
    const gradients = tf.grads((...leaves: tf.Tensor[]) => {
      const output = controlledUNet(unet, small, treeLike(net, leaves), config, inputs, mapFor(1), {
        checkpointing,
      });
      return tf.mean(tf.square(atTurn(output)));
    })(leavesOf(net).map(({ value }) => value));
    return { gradients, bytes };
  };
  const before = tf.memory().numBytes;
  const plain = run(false);
  const kept = plain.bytes - before;
  const start = tf.memory().numBytes;
  const checkpointed = run(true);
  plain.gradients.forEach((gradient, i) => {
    expectClose(checkpointed.gradients[i]!, gradient, 1e-5);
  });
  expect(checkpointed.bytes - start).toBeLessThan(0.6 * kept);
});

test("nothing leaks", async () => {
  await expectNoTensorLeak(() => {
    const { unet, config, params, inputs } = setUp();
    const clone = cloneTree(params);
    tf.dispose(tf.tidy(() => controlledUNet(unet, small, clone, config, inputs, tf.zeros([2, 64, 64, 3]))));
    disposeTree(unet);
    disposeTree(params);
    disposeTree(clone);
    disposeTree(inputs);
  });
});
