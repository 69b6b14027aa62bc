import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { scalar, type Tensor, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { adamWUpdate } from "./adam-w-update.js";

beforeAll(useCpuBackend);

test("three updates are torch.optim.AdamW's", () => {
  // torch 2.15, AdamW([0.5, -1, 2, 0, 1e-3], lr=1e-2, betas=(.9, .999), eps=1e-8, weight_decay=1e-2).
  const gradients = [
    [1, -0.5, 0, 1e-4, -3],
    [-0.25, -0.5, 2, 1e-4, 0.5],
    [0.1, 0.2, 0.3, -1e-4, -0.5],
  ];
  const expected = [
    [0.489950001, -0.989899993, 1.99979997, -0.00999899954, 0.0109998994],
    [0.485206336, -0.979800999, 1.99215853, -0.0199970007, 0.0163841769],
    [0.480928361, -0.974005044, 1.98532271, -0.0226146653, 0.0215274915],
  ];
  const [rate, beta1, beta2] = [1e-2, 0.9, 0.999];
  let state: [Tensor, Tensor, Tensor] = [tensor1d([0.5, -1, 2, 0, 1e-3]), zeros([5]), zeros([5])];
  gradients.forEach((gradient, i) => {
    const correction = Math.sqrt(1 - beta2 ** (i + 1));
    const [parameter, firstMoment, secondMoment] = state;
    state = adamWUpdate(
      {
        parameter,
        firstMoment,
        secondMoment,
        gradient: tensor1d(gradient),
        rate: scalar((rate * correction) / (1 - beta1 ** (i + 1))),
        epsilon: scalar(1e-8 * correction),
        decay: scalar(1 - rate * 1e-2),
      },
      { beta1, beta2 },
    );
    expectClose(state[0], expected[i]!, 1e-7);
  });
  expectClose(state[1], [0.0685000047, -0.0654999986, 0.210000008, 7.09999949e-6, -0.248000011], 1e-7);
  expectClose(state[2], [0.00107043853, 0.000539250264, 0.00408600038, 2.99700091e-11, 0.00948175788], 1e-9);
  expect(state.map((tensor) => tensor.shape)).toEqual([[5], [5], [5]]);
});
