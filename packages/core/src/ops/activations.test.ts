import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { type Tensor, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { randomTensor } from "../testing/random-tensor.js";
import { geglu, gelu, mish, quickGelu, silu } from "./activations.js";

beforeAll(useCpuBackend);

// torch.nn.functional.{silu, gelu} and x * sigmoid(1.702 x) in float64.
const x = [-3, -1, -0.1, 0, 0.5, 2, 6];
const values = {
  silu: [-0.1422776195, -0.2689414214, -0.0475020813, 0, 0.3112296656, 1.761594156, 5.9851642611],
  gelu: [-0.0040496941, -0.1586552539, -0.0460172163, 0, 0.3457312306, 1.9544997361, 5.9999999941],
  mish: [-0.1456474613, -0.3034014614, -0.0567885752, 0, 0.3752452113, 1.9439589595, 5.9999266341],
  quickGelu: [-0.0180713097, -0.1542042341, -0.0457552419, 0, 0.3503884366, 1.9356586231, 5.9997796465],
};

describe.each([
  ["silu", silu, values.silu],
  ["gelu", gelu, values.gelu],
  ["quickGelu", quickGelu, values.quickGelu],
  ["mish", mish, values.mish],
] as const)("%s", (_, f, expected) => {
  test("matches PyTorch", () => expectClose(f(tensor1d(x)), expected, 2e-6));
  test("has the right gradient", () => expectGradients((t) => f(t), [tensor1d(x)], { tolerance: 1e-3 }));
});

describe("geglu", () => {
  test("gates the first half with the gelu of the second", () => {
    expectClose(geglu(tensor2d([[2, -3, 0.5, 2]])), [2 * values.gelu[4]!, -3 * values.gelu[5]!], 2e-6);
    expect(geglu(randomTensor([2, 5, 8])).shape).toEqual([2, 5, 4]);
  });
  test("has the right gradient", () =>
    expectGradients((t) => geglu(t), [randomTensor<Tensor>([2, 3, 4])], { tolerance: 2e-3 }));
});
