import { unetTask } from "@controlnet-js/models";
import { initialNoise, noiseSource, type Plan, sample } from "@controlnet-js/samplers";
import { keep, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Applied } from "./applied.js";
import { type ChosenPlan, choosePlan } from "./choose-plan.js";
import type { CompiledModels } from "./compiled-models.js";
import { type ControlInput, checkControl, type PreparedControl, prepareControl } from "./control-input.js";
import { createDenoiser } from "./denoiser.js";
import { type Suspect, withFault } from "./find-fault.js";
import { keepOutside, lacksImage, type PreparedImage, prepareImage } from "./initial-image.js";
import { contextOf } from "./prompt-context.js";
import { settlePrompts } from "./prompt-settings.js";
import { type ResolvedOptions, resolveOptions } from "./resolve-options.js";
import type { TextToImageOptions, TextToImageResult } from "./text-to-image-options.js";

/** The whole way from prompts to pictures, on compiled functions. */
export async function runTextToImage(
  compiled: CompiledModels,
  given: TextToImageOptions,
): Promise<TextToImageResult> {
  const options = await settlePrompts((first) => runTextToImage(compiled, first), given);
  const owned: Tensor[] = [];
  const own = <T extends Tensor>(tensor: T): T => {
    owned.push(keep(tensor));
    return tensor;
  };
  try {
    const run = resolveOptions(compiled.pipeline, options);
    const chosen = choosePlan(compiled.pipeline, options);
    const { plan } = chosen;
    const applied = describe(run, plan);
    const controls = prepareControls(compiled, options, run, applied, own);
    const context = own(contextOf(compiled, run, applied.warnings));
    const keys = { seed: run.seed, indices: run.indices, shape: run.latentShape };
    const noise = options.noise ?? own(initialNoise(keys));
    const image = initialImage(compiled, options, run, chosen, noise, own);
    if (image) applied.startStep = image.startStep;
    for (const key of ["imageGuidance", "guidanceRescale"] as const)
      if (!run.guided && options[key]) applied.warnings.push(`guidance is 1: ${key} was not used`);
    const denoiser = createDenoiser(compiled, {
      ...chosen,
      run,
      context,
      controls,
      own,
      firstCall: plan.calls[image?.startStep ?? 0]!,
      extra: image?.extra,
      classifier: options.classifier,
    });
    const latents = await sample(denoiser.denoise, image?.start ?? noise, plan, {
      noise: noiseSource(keys),
      ...(image?.start && { startStep: image.startStep }),
      ...(image?.mask && { repair: keepOutside(image, noise) }),
      ...(options.signal && { signal: options.signal }),
      onStep: ({ state: _, ...info }) =>
        options.onStep?.({
          ...info,
          preview: () => compiled.decodeLatents(info.predictedClean, options.tiles),
        }),
    })
      .catch(async (error: unknown) => {
        const suspects = suspectsOf(options, context, noise, image, controls);
        const { unet } = compiled.pipeline;
        throw await withFault(error, { unet, plan, suspects, calls: denoiser.calls });
      })
      .finally(() => denoiser.dispose());
    for (const { applied: control } of controls)
      if (control.calls.every((call) => call.skipped))
        applied.warnings.push(`${control.name}: it had no effect in any step`);
    return await withImages(compiled, latents, applied, options.tiles);
  } finally {
    for (const tensor of owned) tensor.dispose();
  }
}

/** Where NaN or infinity may have been before the first step. */
function suspectsOf(
  { promptEmbeds, image: given }: TextToImageOptions,
  context: Tensor,
  noise: Tensor,
  image: PreparedImage | undefined,
  controls: readonly PreparedControl[],
): Suspect[] {
  const text = promptEmbeds
    ? "the prompt embeddings"
    : "the text encoder: look for NaN or infinity in its weights";
  const encoded =
    given?.latents || given?.maskedLatents
      ? "the latents of the initial picture"
      : "the autoencoder, in the latents of the initial picture: look for NaN or infinity in picture and weights";
  return [
    [text, context],
    ["the noise to begin with", noise],
    ...[image?.clean, image?.start, image?.extra].flatMap((tensor): Suspect[] =>
      tensor ? [[encoded, tensor]] : [],
    ),
    ...controls.flatMap(({ applied, map, masks = [] }): Suspect[] => [
      [`${applied.name}, its map`, map],
      ...masks.map((mask): Suspect => [`${applied.name}, its mask`, mask]),
    ]),
  ];
}

type Own = <T extends Tensor>(tensor: T) => T;

const guessWeightings = { original: "guess", diffusers: "guess-diffusers" } as const;

function prepareControls(
  { pipeline }: CompiledModels,
  { controls = [], guessMode = "off" }: TextToImageOptions,
  run: ResolvedOptions,
  applied: Applied,
  own: Own,
): PreparedControl[] {
  controls.forEach(checkControl);
  // diffusers looks at the first net alone: a globally pooled one after others controls both halves, as they do.
  const conditional = guessMode !== "off" || controls[0]?.net.config.globalPooling;
  return controls.map((input, i) => {
    const pooled = input.net.config.globalPooling;
    // What a globally pooled net tells has no place in the picture: neither published guess mode weakens its shallow links.
    const weighed: ControlInput = {
      ...(guessMode !== "off" && !pooled && { weighting: guessWeightings[guessMode] }),
      ...(pooled && !conditional && { half: "both" }),
      ...input,
    };
    const control = prepareControl(pipeline, weighed, i, run, applied.warnings);
    for (const tensor of [control.map, ...(control.masks ?? [])]) own(tensor);
    applied.controls.push(control.applied);
    return control;
  });
}

function initialImage(
  compiled: CompiledModels,
  { image }: TextToImageOptions,
  run: ResolvedOptions,
  chosen: ChosenPlan,
  noise: Tensor4D,
  own: Own,
): PreparedImage | undefined {
  if (image) {
    const prepared = prepareImage(compiled, image, run, chosen, noise);
    for (const tensor of [prepared.start, prepared.clean, prepared.mask, prepared.extra])
      if (tensor) own(tensor);
    return prepared;
  }
  const task = unetTask(compiled.pipeline);
  if (task === "inpaint" || task === "edit") throw lacksImage(task);
  return undefined;
}

async function withImages(
  compiled: CompiledModels,
  latents: Tensor4D,
  applied: Applied,
  tiles: TextToImageOptions["tiles"],
): Promise<TextToImageResult> {
  try {
    const images = await compiled.decodeLatents(latents, tiles);
    return { images, latents, applied, [Symbol.dispose]: () => latents.dispose() };
  } catch (error) {
    latents.dispose();
    throw error;
  }
}

const describe = (run: ResolvedOptions, plan: Plan): Applied => ({
  width: run.width,
  height: run.height,
  prompts: [...run.prompts],
  negativePrompts: run.guided && !run.promptEmbeds ? [...run.negative] : [],
  sampler: plan.name,
  timesteps: [...plan.timesteps],
  startStep: 0,
  guidance: run.guidance,
  ...(run.guided && run.imageGuidance !== undefined && { imageGuidance: run.imageGuidance }),
  guidanceRescale: run.guidanceRescale,
  seed: run.seed,
  indices: [...run.indices],
  controls: [],
  warnings: [],
});
