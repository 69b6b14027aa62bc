import { add, mul, type Tensor, type Tensor4D, tidy } from "@tensorflow/tfjs-core";

/** One addend of {@link combine}. */
export type Term = readonly [coefficient: number, tensor: Tensor];

/**
 * `sum_i c_i x_i`, the only arithmetic that samplers do on the device. Coefficients of the same tensor are summed first,
 * in float64 on the host, where what cancels at high noise costs no precision; terms with coefficient 0 are left out.
 * The caller disposes the result, which is always a new tensor.
 */
export function combine(...terms: Term[]): Tensor4D {
  const coefficients = new Map<Tensor, number>();
  for (const [coefficient, tensor] of terms)
    coefficients.set(tensor, (coefficients.get(tensor) ?? 0) + coefficient);
  let entries = [...coefficients].filter(([, coefficient]) => coefficient !== 0);
  if (entries.length === 0) entries = [...coefficients].slice(0, 1);
  return tidy(() =>
    entries.map(([tensor, coefficient]) => mul(tensor, coefficient)).reduce((sum, term) => add(sum, term)),
  ) as Tensor4D;
}
