import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import { grads, mul, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { randomTensor } from "./random-tensor.js";

/**
 * Fails unless `f` and a plain formula `reference`, differentiated by tfjs, agree in value and in the gradient of
 * every input: sharper than central differences, which float32 limits to 1e-2.
 */
export function expectSameFunction(
  f: (...inputs: Tensor[]) => Tensor,
  reference: (...inputs: Tensor[]) => Tensor,
  inputs: Tensor[],
  tolerance = 2e-5,
): void {
  tidy(() => {
    const expected = reference(...inputs);
    expectClose(f(...inputs), expected, tolerance);
    const weights = randomTensor(expected.shape, 77);
    const gradientsOf = (g: (...inputs: Tensor[]) => Tensor) =>
      grads((...xs: Tensor[]) => sum(mul(g(...xs), weights)))(inputs);
    const wanted = gradientsOf(reference);
    gradientsOf(f).forEach((gradient, i) => {
      expectClose(gradient, wanted[i]!, tolerance);
    });
  });
}
