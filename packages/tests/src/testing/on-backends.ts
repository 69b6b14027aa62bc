import { randomNormalTensor } from "@controlnet-js/core";
import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import { grads, mul, setBackend, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { expect } from "vitest";

/** One function to be run on several backends. */
export interface EngineCase {
  name: string;
  /** Shapes of the inputs, which are drawn from the standard normal distribution. */
  shapes: number[][];
  run(...inputs: Tensor[]): Tensor;
  /** tfjs itself has no gradient for it. */
  valueOnly?: boolean;
}

/** Value and gradients as plain arrays, free of any backend. */
async function resultsOn(backend: string, { shapes, run, valueOnly }: EngineCase) {
  await setBackend(backend);
  const tensors = tidy(() => {
    const inputs = shapes.map((shape, index) =>
      randomNormalTensor({ seed: 3, purpose: "input", index }, shape),
    );
    const value = run(...inputs);
    if (valueOnly) return [value];
    const weights = randomNormalTensor({ seed: 3, purpose: "upstream", index: 0 }, value.shape);
    return [value, ...grads((...xs: Tensor[]) => sum(mul(run(...xs), weights)))(inputs)];
  });
  return tensors.map((x) => {
    const result = { shape: x.shape, values: Float32Array.from(x.dataSync()) };
    x.dispose();
    return result;
  });
}

/** Fails unless value and gradients on `backend` are those of tfjs's plain JavaScript. */
export async function expectSameOn(backend: string, engineCase: EngineCase, tolerance = 1e-5): Promise<void> {
  const expected = await resultsOn("cpu", engineCase);
  const actual = await resultsOn(backend, engineCase);
  actual.forEach(({ shape, values }, i) => {
    expect(shape).toEqual(expected[i]!.shape);
    expectClose(values, expected[i]!.values, tolerance);
  });
}
