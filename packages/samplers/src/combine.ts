import { add, mul, type Tensor, type Tensor4D, tidy } from "@tensorflow/tfjs-core";

/** One addend of {@link combine}. */
export type Term = readonly [coefficient: number, tensor: Tensor];

/**
 * `sum_i c_i x_i`, the only arithmetic that samplers do on the device; the coefficients are float64 on the host.
 * Terms with coefficient 0 are left out. The caller disposes the result, which is always a new tensor.
 */
export function combine(...terms: Term[]): Tensor4D {
  return tidy(() => {
    const scaled = terms
      .filter(([coefficient], i) => coefficient !== 0 || (i === 0 && terms.every(([c]) => c === 0)))
      .map(([coefficient, tensor]) => mul(tensor, coefficient));
    return scaled.reduce((sum, term) => add(sum, term)) as Tensor4D;
  });
}
