import { ControlNetError } from "@controlnet-js/core";
import { type NoiseLevel, type Prediction, unknownPrediction } from "./schedule.js";

/** A quantity as a linear function of the latent and the model's raw output: `latent * x + output * m`. */
export interface LinearForm {
  readonly latent: number;
  readonly output: number;
}

/**
 * The clean sample x0 and the noise eps that a raw model output implies, for a latent `alpha x0 + sigma eps` of
 * any scale. The model itself sees the latent divided by `hypot(alpha, sigma)`.
 *
 * - epsilon: x0 = (x - sigma m) / alpha
 * - sample: x0 = m, eps = (x - alpha m) / sigma
 * - v (Salimans and Ho 2022), at unit variance: x0 = alpha x - sigma m, eps = alpha m + sigma x
 *
 * @throws ControlNetError `unsupported` for epsilon-prediction where no signal is left (alpha = 0), `config` for an unknown
 * prediction
 */
export function interpret(
  prediction: Prediction,
  level: NoiseLevel,
): { clean: LinearForm; epsilon: LinearForm } {
  const { alpha, sigma } = level;
  switch (prediction) {
    case "epsilon":
      if (alpha === 0)
        throw new ControlNetError(
          "unsupported",
          "sampler: epsilon-prediction says nothing about the clean latent at zero signal; use a v-prediction model " +
            "or a schedule without rescaleZeroTerminalSnr",
        );
      return { clean: { latent: 1 / alpha, output: -sigma / alpha }, epsilon: { latent: 0, output: 1 } };
    case "sample":
      return {
        clean: { latent: 0, output: 1 },
        epsilon: sigma === 0 ? { latent: 0, output: 0 } : { latent: 1 / sigma, output: -alpha / sigma },
      };
    case "v": {
      const scale = Math.hypot(alpha, sigma);
      return {
        clean: { latent: alpha / scale ** 2, output: -sigma / scale },
        epsilon: { latent: sigma / scale ** 2, output: alpha / scale },
      };
    }
    default:
      throw unknownPrediction("sampler", prediction);
  }
}

/**
 * What a model is trained to give, as `clean * x0 + noise * eps` at a unit-variance level: `eps`, `x0`, or
 * `v = alpha eps - sigma x0` (Salimans and Ho 2022). The inverse of {@link interpret}.
 * @throws ControlNetError `config` for an unknown prediction
 */
export function trainingTarget(
  prediction: Prediction,
  { alpha, sigma }: NoiseLevel,
): { clean: number; noise: number } {
  switch (prediction) {
    case "epsilon":
      return { clean: 0, noise: 1 };
    case "sample":
      return { clean: 1, noise: 0 };
    case "v":
      return { clean: -sigma, noise: alpha };
    default:
      throw unknownPrediction("trainingTarget", prediction);
  }
}
