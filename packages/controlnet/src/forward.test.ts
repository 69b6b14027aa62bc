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
  type UNet,
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
import { controlNetConfig, controlNetConfigFromDiffusers } from "./config.js";
import { addResiduals, controlledUNet, controlNet, scaleResiduals } from "./forward.js";
import { loadControlNet } from "./load.js";
import { type ControlNet, type ControlNetParams, createControlNet } from "./params.js";

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
  unet: UNet;
  net: ControlNet;
  inputs: UNetInputs;
}

function setUp(): Setup {
  const unet = createUNet(small, randomInitializer(5));
  const net = createControlNet(unet, { hintWidths: [4, 4, 8, 8], seed: 2 });
  return { unet, net, inputs: inputsFor(small) };
}

describe("against diffusers", () => {
  test.each(["sd15-like", "sd21-like", "one-level", "global-pooling", "settings", "no-middle", "unusual"])(
    "%s: ControlNet, controlled U-Net and strength agree to 1e-5",
    (name) => {
      const source = parseSafetensors(
        readFileSync(new URL(`../../unet/fixtures/${name}.safetensors`, import.meta.url)),
      );
      const config = unetConfigFromDiffusers(JSON.parse(source.metadata.unet!));
      const netConfig = controlNetConfigFromDiffusers(JSON.parse(source.metadata.controlnet!));
      const unet: UNet = {
        params: loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), { prefix: "unet." }),
        config,
      };
      const net = loadControlNet(source, netConfig, "diffusers", {
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
      const residuals = controlNet(net, inputs, hint);
      expect(residuals.middle.shape).toEqual(nhwc("out.middle").shape);
      expectClose(residuals.middle, nhwc("out.middle"), 1e-5);
      expectClose(residuals.skips[0]!, nhwc("out.skip0"), 1e-5);
      expectClose(controlledUNet(unet, net, inputs, hint), nhwc("out.controlled"), 1e-5);
      const half = controlledUNet(unet, net, inputs, hint, { strength: 0.5 });
      expectClose(half, nhwc("out.half"), 1e-5);
    },
  );
});

describe("a ControlNet that can't be", () => {
  test("is refused by its config, which names what is meant", () => {
    expect(() => controlNetConfig(small, { hintWidths: [] })).toThrow(/controlNetConfig: hintWidths: .*1/);
    expect(() => controlNetConfig(small, { hintChannels: 0 })).toThrow(/hintChannels: .*got 0/);
    expect(() => controlNetConfig(small, { hintChannel: 6 } as object)).toThrow(
      'did you mean "hintChannels"?',
    );
  });

  test("takes its U-Net's config, whatever its own options say", () => {
    const unet = createUNet({ ...small, inChannels: 9 }, randomInitializer(5));
    const net = createControlNet(unet, { hintWidths: [4, 4, 8, 8] });
    expect(net.config.unet).toEqual({ ...small, inChannels: 9 });
    expect(net.params.copy.input.kernel.shape).toEqual([3, 3, 9, 8]);
    expect(() => createControlNet(unet, { unet: small } as object)).toThrow('unknown key "unet"');
    disposeTree([unet, net]);
  });
});

describe("a fresh ControlNet", () => {
  test("leaves the output as it is, bit for bit, for any map", () => {
    const { unet, net, inputs } = setUp();
    const plain = runUNet(unet, inputs).dataSync();
    for (const map of [mapFor(1), mapFor(2), tf.zerosLike(mapFor(1)), tf.onesLike(mapFor(1))])
      expect(controlledUNet(unet, net, inputs, map).dataSync()).toEqual(plain);
  });

  test("copies the encoder: equal at first, its own afterwards", () => {
    const { unet, net } = setUp();
    const before = leavesOf(unet.params.down).map(({ value }) => value.dataSync().slice());
    expect(leavesOf(net.params.copy.down).map(({ value }) => value.dataSync())).toEqual(before);
    disposeTree(net);
    expect(leavesOf(unet.params.down).map(({ value }) => value.dataSync())).toEqual(before);
  });

  test("learns through its zero convolutions as the paper says", () => {
    const { unet, net, inputs } = setUp();
    const map = mapFor(3);
    const loss = (params: ControlNetParams) =>
      tf.mean(tf.square(controlledUNet(unet, { ...net, params }, inputs, map))) as tf.Scalar;
    const gradientsAt = (params: ControlNetParams) => {
      const leaves = leavesOf(params);
      const gradients = tf.grads((...values: tf.Tensor[]) => loss(treeLike(params, values)))(
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

    const first = gradientsAt(net.params);
    expect(largest(first, /^links\..*bias/)).toBeGreaterThan(0);
    expect(largest(first, /^links\..*kernel/)).toBeGreaterThan(0);
    expect(largest(first, /^copy\./)).toBe(0);
    expect(largest(first, /^hint\./)).toBe(0);

    const locked = leavesOf(unet).map(({ value }) => value.dataSync().slice());
    const plain = runUNet(unet, inputs).dataSync();
    const stepped = treeLike(
      net.params,
      leavesOf(net.params).map(({ path, value }) => tf.sub(value, tf.mul(first.get(path)!, 0.1))),
    );
    expect(controlledUNet(unet, { ...net, params: stepped }, inputs, map).dataSync()).not.toEqual(plain);
    const second = gradientsAt(stepped);
    expect(largest(second, /^copy\.down\.0\.residual/)).toBeGreaterThan(0);
    expect(largest(second, /^hint\.output/)).toBeGreaterThan(0);
    expect(leavesOf(unet).map(({ value }) => value.dataSync())).toEqual(locked);
  });

  test("says which map it expects", () => {
    const { net, inputs } = setUp();
    const wrong = tf.zeros<tf.Rank.R4>([2, 32, 64, 3]);
    expect(() => controlNet(net, inputs, wrong)).toThrow(/expected a control map \[2,64,64,3\]/);
  });
});

test("the residuals of several ControlNets add up, scaled by their strengths", () => {
  const { unet, inputs } = setUp();
  const make = (seed: number) => {
    const net = createControlNet(unet, { hintWidths: [4, 4, 8, 8], seed });
    const { links } = net.params;
    const filled = leavesOf(links).map(({ value }) => tf.fill(value.shape, 0.01 * seed));
    return { ...net, params: { ...net.params, links: treeLike(links, filled) } };
  };
  const [a, b] = [make(1), make(2)].map((net) => controlNet(net, inputs, mapFor(1)));
  const sum = addResiduals([scaleResiduals(a!, 0.5), b!])!;
  expectClose(sum.middle!, tf.add(tf.mul(a!.middle, 0.5), b!.middle));
  expectClose(sum.skips[1]!, tf.add(tf.mul(a!.skips[1]!, 0.5), b!.skips[1]!));
});

test("gradient checkpointing changes no gradient and keeps fewer bytes until the backward pass", () => {
  const { unet, net: fresh, inputs } = setUp();
  const net = treeLike(
    fresh,
    leavesOf(fresh).map(({ value }, i) => tf.add(value, tf.randomNormal(value.shape, 0, 0.02, "float32", i))),
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
      const output = controlledUNet(unet, treeLike(net, leaves), inputs, mapFor(1), {
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
    const { unet, net, inputs } = setUp();
    const clone = cloneTree(net);
    tf.dispose(tf.tidy(() => controlledUNet(unet, clone, inputs, tf.zeros([2, 64, 64, 3]))));
    disposeTree(unet);
    disposeTree(net);
    disposeTree(clone);
    disposeTree(inputs);
  });
});
