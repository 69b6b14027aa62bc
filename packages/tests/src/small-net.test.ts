import { createRequire } from "node:module";
import { dirname } from "node:path";
import "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-cpu";
import {
  adamWUpdate,
  completeWasmKernels,
  disposeTree,
  jit,
  leavesOf,
  randomInitializer,
  randomNormalTensor,
  treeLike,
} from "@controlnet-js/core";
import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import {
  grads,
  mean,
  memory,
  scalar,
  setBackend,
  squaredDifference,
  type Tensor,
  type Tensor1D,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { createSmallNet, type SmallNet, smallNet } from "./testing/small-net.js";

beforeAll(() => {
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(entry)}/`);
  completeWasmKernels();
});

interface State {
  params: SmallNet;
  first: Tensor[];
  second: Tensor[];
}

const draw = (shape: number[], index: number) =>
  randomNormalTensor({ seed: 1, purpose: "batch", index }, shape);

/** Trains for some steps on one batch; gives the loss before each, and the tensors alive after each. */
async function train(backend: string, steps: number) {
  await setBackend(backend);
  const batch = {
    x: draw([2, 6, 4, 4], 0) as Tensor4D,
    noise: draw([2, 6, 4, 4], 1) as Tensor4D,
    timesteps: tensor1d([10, 700]) as Tensor1D,
    context: draw([2, 5, 8], 2) as Tensor3D,
  };
  const update = jit(
    ({ params, first, second }: State, { x, noise, timesteps, context }: typeof batch) => {
      const leaves = leavesOf(params).map((leaf) => leaf.value);
      const loss = (...values: Tensor[]): Tensor =>
        mean(squaredDifference(smallNet(x, treeLike(params, values), timesteps, context), noise));
      const gradients = grads(loss)(leaves);
      const updated = leaves.map((parameter, i) =>
        adamWUpdate(
          {
            parameter,
            firstMoment: first[i]!,
            secondMoment: second[i]!,
            gradient: gradients[i]!,
            rate: scalar(1e-3),
            epsilon: scalar(1e-8),
            decay: scalar(1 - 1e-5),
          },
          { beta1: 0.9, beta2: 0.999 },
        ),
      );
      const next: State = {
        params: treeLike(
          params,
          updated.map(([parameter]) => parameter),
        ),
        first: updated.map(([, moment]) => moment),
        second: updated.map(([, , moment]) => moment),
      };
      return { loss: loss(...leaves), next };
    },
    { donate: [0] },
  );
  const params = createSmallNet(randomInitializer(1), 8);
  const zeros = () => leavesOf(params).map((leaf) => zerosLike(leaf.value));
  let state: State = { params, first: zeros(), second: zeros() };
  const losses: number[] = [];
  const alive: number[] = [];
  for (let i = 0; i < steps; i++) {
    const { loss, next } = update(state, batch);
    losses.push(loss.dataSync()[0]!);
    loss.dispose();
    state = next;
    alive.push(memory().numTensors);
  }
  disposeTree([state, batch]);
  return { losses, alive };
}

test("a small U-Net trains on wasm as it does on plain JavaScript, and leaks nothing", async () => {
  const expected = await train("cpu", 2);
  const { losses, alive } = await train("wasm", 2);
  expectClose(losses, expected.losses, 1e-4);
  expect(losses[1]!).toBeLessThan(losses[0]!);
  expect(new Set(alive).size).toBe(1);
}, 180_000);
