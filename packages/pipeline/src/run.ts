import { ControlNetError } from "@controlnet-js/core";
import { initialNoise, noiseSource, type Plan, sample } from "@controlnet-js/samplers";
import { keep, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Applied } from "./applied.js";
import { choosePlan } from "./choose-plan.js";
import type { CompiledPipeline } from "./compile-pipeline.js";
import { type PreparedControl, prepareControl } from "./control-input.js";
import { createDenoiser } from "./denoiser.js";
import { encodePrompts, joinEmbeds, truncationWarnings } from "./prompt-context.js";
import { type ResolvedOptions, resolveOptions } from "./resolve-options.js";
import type { TextToImageOptions, TextToImageResult } from "./text-to-image-options.js";

/** The whole way from prompts to pictures, on compiled functions. */
export async function runTextToImage(
  compiled: CompiledPipeline,
  options: TextToImageOptions,
): Promise<TextToImageResult> {
  const { pipeline } = compiled;
  const owned: Tensor[] = [];
  const own = <T extends Tensor>(tensor: T): T => {
    owned.push(keep(tensor));
    return tensor;
  };
  try {
    const run = resolveOptions(pipeline, options);
    const plan = choosePlan(pipeline, options);
    const applied = describe(run, plan);
    const controls: PreparedControl[] = [];
    for (const [i, input] of (options.controls ?? []).entries()) {
      const control = prepareControl(pipeline, input, i, run, applied.warnings);
      for (const tensor of [control.map, ...(control.masks ?? [])]) own(tensor);
      controls.push(control);
      applied.controls.push(control.applied);
    }
    const context = own(contextOf(compiled, run, applied.warnings));
    const keys = { seed: run.seed, indices: run.indices, shape: run.latentShape };
    const start = options.noise ?? own(initialNoise(keys));
    const denoiser = createDenoiser(compiled, { plan, run, context, controls, own });
    const latents = await sample(denoiser, start, plan, {
      noise: noiseSource(keys),
      ...(options.signal && { signal: options.signal }),
      ...(options.onStep && {
        onStep: async (info) => {
          await options.onStep!({
            step: info.step,
            steps: info.steps,
            timestep: info.timestep,
            latent: info.latent,
            predictedClean: info.predictedClean,
            level: info.level,
            preview: () => compiled.decodeLatents(info.predictedClean),
          });
        },
      }),
    });
    for (const control of controls)
      if (control.applied.calls.every((call) => call.skipped))
        applied.warnings.push(`${control.applied.name}: it had no effect in any step`);
    return await withImages(compiled, latents, applied);
  } finally {
    for (const tensor of owned) tensor.dispose();
  }
}

async function withImages(
  compiled: CompiledPipeline,
  latents: Tensor4D,
  applied: Applied,
): Promise<TextToImageResult> {
  try {
    return { images: await compiled.decodeLatents(latents), latents, applied };
  } catch (error) {
    latents.dispose();
    throw error;
  }
}

function contextOf({ pipeline, functions }: CompiledPipeline, run: ResolvedOptions, warnings: string[]) {
  const { text, unet } = pipeline;
  const { contextChannels } = unet.config;
  if (run.promptEmbeds) return joinEmbeds(run.promptEmbeds, run.batch, contextChannels, run.guided);
  // The unconditional half goes first, in the same call.
  const prompts = run.guided ? [...run.negative, ...run.prompts] : run.prompts;
  const { context, truncated } = encodePrompts(text, prompts, functions.encodeText);
  const { maxTokens } = text.tokenizer;
  const positive = truncated.slice(-run.batch);
  warnings.push(...truncationWarnings("prompt", positive, maxTokens));
  if (run.guided)
    warnings.push(...truncationWarnings("negative prompt", truncated.slice(0, run.batch), maxTokens));
  if (context.shape[2] === contextChannels) return context;
  context.dispose();
  throw new ControlNetError(
    "config",
    `textToImage: the text encoder gives ${context.shape[2]} features, the U-Net takes ${contextChannels}`,
  );
}

const describe = (run: ResolvedOptions, plan: Plan): Applied => ({
  width: run.width,
  height: run.height,
  sampler: plan.name,
  timesteps: [...plan.timesteps],
  startStep: 0,
  guidance: run.guidance,
  guidanceRescale: run.guidanceRescale,
  seed: run.seed,
  indices: [...run.indices],
  controls: [],
  warnings: [],
});
