import { assertShape, ControlNetError } from "@controlnet-js/core";
import { add, mul, sub, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import { alphaCumprodAt, levelOf, type NoiseSchedule } from "./schedule.js";

/** sqrt(abar) and sqrt(1 - abar) at each of `timesteps`: feed them to a compiled training step as its inputs. */
export function noiseCoefficients(
  schedule: NoiseSchedule,
  timesteps: readonly number[],
): { alpha: Float32Array; sigma: Float32Array } {
  const levels = timesteps.map((t) => levelOf(alphaCumprodAt(schedule, t)));
  return {
    alpha: Float32Array.from(levels, (level) => level.alpha),
    sigma: Float32Array.from(levels, (level) => level.sigma),
  };
}

/**
 * The forward process: `sqrt(abar_t) x0 + sqrt(1 - abar_t) noise`, with a timestep for each sample.
 * @param clean x0 `[batch, ...]`
 * @param noise standard normal, of the same shape
 * @param timesteps `batch` integers
 * @returns a tensor of the same shape; the caller disposes it
 * @throws ControlNetError `shape`, `range`
 */
export function addNoise<T extends Tensor>(
  schedule: NoiseSchedule,
  clean: T,
  noise: T,
  timesteps: readonly number[],
): T {
  return tidy(() => {
    const { alpha, sigma } = columns("addNoise", schedule, clean, noise, timesteps);
    return add(mul(alpha, clean), mul(sigma, noise)) as T;
  });
}

/**
 * The target of v-prediction: `sqrt(abar_t) noise - sqrt(1 - abar_t) x0` (Salimans and Ho 2022).
 * Arguments, result and errors as {@link addNoise}.
 */
export function velocity<T extends Tensor>(
  schedule: NoiseSchedule,
  clean: T,
  noise: T,
  timesteps: readonly number[],
): T {
  return tidy(() => {
    const { alpha, sigma } = columns("velocity", schedule, clean, noise, timesteps);
    return sub(mul(alpha, noise), mul(sigma, clean)) as T;
  });
}

function columns(
  where: string,
  schedule: NoiseSchedule,
  clean: Tensor,
  noise: Tensor,
  timesteps: readonly number[],
) {
  assertShape(`${where}: noise`, noise.shape, clean.shape);
  if (timesteps.length !== clean.shape[0])
    throw new ControlNetError(
      "shape",
      `${where}: expected one timestep for each of ${clean.shape[0]} samples, got ${timesteps.length}`,
    );
  const { alpha, sigma } = noiseCoefficients(schedule, timesteps);
  const shape = clean.shape.map((_, axis) => (axis === 0 ? timesteps.length : 1));
  return { alpha: tensor(alpha, shape), sigma: tensor(sigma, shape) };
}
