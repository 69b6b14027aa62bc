import type { NoiseLevel } from "./schedule.js";

/**
 * Which equation a DPM solver integrates: `"dpmsolver++"` follows the clean prediction, `"dpmsolver"` the noise
 * prediction; the `sde-` forms add noise.
 */
export type DpmAlgorithm = "dpmsolver++" | "dpmsolver" | "sde-dpmsolver++" | "sde-dpmsolver";

/**
 * `x_to = sample x_from + d0 D0 + d1 D1 + d2 D2 + noise z`: coefficients of one step, where D1 and D2 approximate
 * derivatives of the model's prediction D0 in lambda.
 */
export interface DpmCoefficients {
  sample: number;
  d0: number;
  d1: number;
  d2: number;
  noise: number;
}

/** lambda = log(alpha / sigma). */
export const logSnr = ({ alpha, sigma }: NoiseLevel): number => Math.log(alpha) - Math.log(sigma);

/**
 * The coefficients of Lu et al. 2022 ("DPM-Solver", "DPM-Solver++") for a step of `h = lambda_to - lambda_from`.
 * `"midpoint"` takes D1 with half of d0, `"heun"` with its exact integral. The last one of the sde forms has the sign
 * that diffusers gives it.
 */
export function dpmCoefficients(
  algorithm: DpmAlgorithm,
  from: NoiseLevel,
  to: NoiseLevel,
  solver: "midpoint" | "heun",
): DpmCoefficients {
  const h = logSnr(to) - logSnr(from);
  // A spread ends at the noise of timestep 0, to which the last step goes with `finalSigma: "sigma-min"`.
  if (Math.abs(h) < 1e-12) return { sample: 1, d0: 0, d1: 0, d2: 0, noise: 0 };
  const forms: Record<DpmAlgorithm, () => DpmCoefficients> = {
    "dpmsolver++": () => {
      const d0 = -to.alpha * Math.expm1(-h);
      return {
        sample: to.sigma / from.sigma,
        d0,
        d1: solver === "midpoint" ? d0 / 2 : to.alpha * (Math.expm1(-h) / h + 1),
        d2: -to.alpha * ((Math.expm1(-h) + h) / h ** 2 - 0.5),
        noise: 0,
      };
    },
    dpmsolver: () => {
      const d0 = -to.sigma * Math.expm1(h);
      return {
        sample: to.alpha / from.alpha,
        d0,
        d1: solver === "midpoint" ? d0 / 2 : -to.sigma * (Math.expm1(h) / h - 1),
        d2: -to.sigma * ((Math.expm1(h) - h) / h ** 2 - 0.5),
        noise: 0,
      };
    },
    "sde-dpmsolver++": () => {
      const d0 = -to.alpha * Math.expm1(-2 * h);
      return {
        sample: (to.sigma / from.sigma) * Math.exp(-h),
        d0,
        d1: solver === "midpoint" ? d0 / 2 : to.alpha * (Math.expm1(-2 * h) / (2 * h) + 1),
        d2: to.alpha * ((-Math.expm1(-2 * h) - 2 * h) / (2 * h) ** 2 - 0.5),
        noise: to.sigma * Math.sqrt(-Math.expm1(-2 * h)),
      };
    },
    "sde-dpmsolver": () => {
      const d0 = -2 * to.sigma * Math.expm1(h);
      return {
        sample: to.alpha / from.alpha,
        d0,
        d1: solver === "midpoint" ? d0 / 2 : -2 * to.sigma * (Math.expm1(h) / h - 1),
        d2: 0,
        noise: to.sigma * Math.sqrt(Math.expm1(2 * h)),
      };
    },
  };
  return forms[algorithm]();
}
