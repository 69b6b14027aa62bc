import { type TensorSource, toFloat32, toldPrediction } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";
import { readSchedulerConfig, type SchedulerConfig, stableDiffusionConfig } from "@controlnet-js/samplers";
import type { ModelHints } from "./model-hints.js";
import type { OpenModel } from "./open-model.js";

/**
 * The scheduler of a single file: saved with it, or Stable Diffusion's with what the model yaml, the file's `betas` and
 * its metadata tell. A Stable Diffusion 2 that doesn't tell what it predicts is taken as one of v, as diffusers does, but
 * for inpainting and after the base model's number of steps as one of noise; with a yaml that doesn't tell either as one
 * of noise, too, the original code's default.
 * @throws ControlNetError `unsupported` where the file says that it predicts something else
 */
export function singleFileScheduler(
  { path, identity, source, scheduler }: OpenModel,
  hints: ModelHints | undefined,
  log: (line: string) => void = () => {},
): SchedulerConfig {
  if (scheduler && !hints) return readSchedulerConfig(scheduler);
  const untold = identity.family === "sd2" && identity.prediction === "unknown" && !hints?.prediction;
  const told = toldPrediction(source);
  if (told !== undefined && identity.prediction === "unknown" && !hints?.prediction)
    throw new ControlNetError(
      "unsupported",
      `${path}: the file says that it predicts ${JSON.stringify(told.slice(0, 60))}; known are epsilon, v and sample. Where it ` +
        'is wrong, give a config with "parameterization: eps", "v" or "x0"',
    );
  const isNoise = hints !== undefined || identity.variant === "inpainting" || isBase(source);
  if (untold) log(hints ? untoldByYaml : isNoise ? untoldOfNoise : untoldByFile);
  const isV = identity.prediction === "v" || (untold && !isNoise);
  const own = identity.prediction === "sample" ? "sample" : isV ? "v_prediction" : "epsilon";
  const prediction = hints?.prediction ?? own;
  const base: Record<string, unknown> = { ...stableDiffusionConfig().json, prediction_type: prediction };
  if (prediction === "v_prediction") {
    // What Stable Diffusion 2.1 is published with.
    base._class_name = "DDIMScheduler";
    delete base.skip_prk_steps;
  }
  const { start, end, schedule, timesteps, zeroTerminalSnr } = hints?.betas ?? {};
  if (start !== undefined) base.beta_start = start;
  if (end !== undefined) base.beta_end = end;
  if (schedule !== undefined) base.beta_schedule = schedule;
  if (timesteps !== undefined) base.num_train_timesteps = timesteps;
  if (zeroTerminalSnr) base.rescale_betas_zero_snr = true;
  const isTold = [start, end, schedule, timesteps].some((value) => value !== undefined);
  if (!isTold && source.names().includes("betas")) {
    const betas = toFloat32(source.get("betas"));
    if (!areStableDiffusions(betas)) {
      log(`the file has its own noise schedule of ${betas.length} timesteps`);
      base.trained_betas = Array.from(betas);
    }
  }
  return readSchedulerConfig(base);
}

const untoldByFile =
  'nothing in the file tells whether it predicts the noise or v; taken as v (the 768 model). For the 512 model give a config with "parameterization: eps"';
const untoldOfNoise =
  'nothing in the file tells whether it predicts the noise or v; taken to predict the noise, as the published model of its kind. For a model of v give a config with "parameterization: v"';
const untoldByYaml =
  'the model yaml has no "parameterization": taken to predict the noise, as by the original code. For a model of v add "parameterization: v"';

/** Whether the file was saved after as many steps as Stable Diffusion 2's base model of 512 pixels, which predicts noise. */
const isBase = ({ metadata }: TensorSource): boolean => metadata.global_step === "875000";

/** Whether these are linspace(sqrt(.00085), sqrt(.012), 1000)^2, up to half precision. */
function areStableDiffusions(betas: Float32Array): boolean {
  const [low, high] = [Math.sqrt(0.00085), Math.sqrt(0.012)];
  return (
    betas.length === 1000 &&
    betas.every((beta, t) => Math.abs(beta - (low + ((high - low) * t) / 999) ** 2) < 1e-3 * beta + 1e-7)
  );
}
