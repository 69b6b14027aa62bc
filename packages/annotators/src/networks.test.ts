import { disposeTree } from "@controlnet-js/core";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { hed, loadHed } from "./hed/hed.js";
import { lineart, loadLineart } from "./lineart/generator.js";
import { loadMlsd, mlsd } from "./mlsd/mlsd.js";
import { bodyNetwork, handNetwork, loadBodyNetwork, loadHandNetwork } from "./open-pose/networks.js";
import { madeWeights } from "./testing/made-weights.js";
import { readFixture } from "./testing/read-fixture.js";
import { useWasm } from "./testing/use-wasm.js";

beforeAll(useWasm);

const fixture = readFixture("networks.bin.gz");

/** A picture of the fixture as `[1, height, width, channels]`. */
const picture = (key: string): tf.Tensor4D => {
  const { shape, data } = fixture[key]!;
  return tf.tensor4d(Float32Array.from(data), [1, ...shape] as [number, number, number, number]);
};
const normalized = (key: string): tf.Tensor4D => tf.sub(tf.div(picture(key), 256), 0.5);

/** Largest difference from the reference's output, relative to its largest value. */
function difference(actual: tf.Tensor, key: string): number {
  const { shape, data } = fixture[key]!;
  expect(actual.shape).toEqual([1, ...shape]);
  const values = actual.dataSync();
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < data.length; i++) {
    scale = Math.max(scale, Math.abs(data[i]!));
    worst = Math.max(worst, Math.abs(values[i]! - data[i]!));
  }
  return worst / scale;
}

function expectReference(actual: tf.Tensor, key: string): void {
  const found = difference(actual, key);
  expect(found, key).toBeLessThan(1e-4);
}

test("HED's side outputs are those of PyTorch", async () => {
  await expectNoTensorLeak(() => {
    const params = loadHed(madeWeights("hed"));
    tf.tidy(() => {
      for (const [i, side] of hed(params, picture("hed.in")).entries()) expectReference(side, `hed.side${i}`);
    });
    disposeTree(params);
  });
});

test("M-LSD's map is that of PyTorch", async () => {
  await expectNoTensorLeak(() => {
    const params = loadMlsd(madeWeights("mlsd", (name) => `module.${name}`));
    tf.tidy(() => {
      const ones = tf.pad(
        picture("mlsd.in"),
        [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, 1],
        ],
        1,
      );
      expectReference(mlsd(params, tf.sub(tf.div(ones, 127.5), 1)), "mlsd.out");
    });
    disposeTree(params);
  });
});

test("the line art generator's drawing is that of PyTorch", async () => {
  await expectNoTensorLeak(() => {
    const params = loadLineart(madeWeights("lineart"));
    tf.tidy(() => expectReference(lineart(params, tf.div(picture("lineart.in"), 255)), "lineart.out"));
    disposeTree(params);
  });
});

test("OpenPose's body maps are those of PyTorch, its layers named with their blocks", async () => {
  await expectNoTensorLeak(() => {
    const params = loadBodyNetwork(madeWeights("body"));
    tf.tidy(() => {
      const { limbs, joints } = bodyNetwork(params, normalized("body.in"));
      expectReference(limbs, "body.limbs");
      expectReference(joints, "body.joints");
    });
    disposeTree(params);
  });
});

test("OpenPose's hand maps are those of PyTorch, its layers named alone", async () => {
  await expectNoTensorLeak(() => {
    const params = loadHandNetwork(madeWeights("hand", (name) => name.split(".").slice(1).join(".")));
    tf.tidy(() => expectReference(handNetwork(params, normalized("hand.in")), "hand.out"));
    disposeTree(params);
  });
});
