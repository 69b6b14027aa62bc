import { ControlNetError } from "@controlnet-js/core";
import { disposePipeline, type Pipeline, type PromptEmbeds } from "@controlnet-js/models";
import { openPipeline, readLatents, readPromptEmbeds, readSampler } from "@controlnet-js/models/node";
import {
  type RunSettings,
  runSettings,
  type TextToImageOptions,
  type TextToImageResult,
  textToImage,
} from "@controlnet-js/pipeline";
import { assertFits } from "./assert-fits.js";
import { batchOf, settledSize } from "./batch-and-size.js";
import { type Named, openControls, readsSingleFile, yamlFor } from "./open-controls.js";
import { openImage } from "./open-image.js";
import type { SampleOptions } from "./picture-options.js";

/**
 * Paints pictures from files: a model, any number of ControlNets with their maps, and where given a scheduler config,
 * latents and prompt embeddings. Everything `controlnet sample` does but for reading and writing pictures. What is
 * opened here is disposed here.
 * @returns pictures, the final latents, which the caller disposes, and what was really done
 * @throws ControlNetError naming the file: `io`, `format`, `missing`, `shape` or `unsupported` for what it holds, `config`
 * where a ControlNet and the model don't belong together; else as `textToImage`
 */
export async function samplePictures(options: SampleOptions): Promise<TextToImageResult> {
  const disposals: (() => void)[] = [];
  const warnings: string[] = [];
  try {
    const model = await openModelOf(options, disposals);
    const sampler = typeof options.sampler === "string" ? readSampler(options.sampler) : options.sampler;
    const latents = latentsOf(options, model.value, disposals);
    const embeds = embedsOf(options, model.value, disposals);
    const batch = batchOf(options, latents, embeds);
    if (options.config !== undefined && !readsSingleFile(options))
      warnings.push("the model yaml was not used: it is for single files, folders have configs of their own");
    if (embeds && options.negative)
      warnings.push("the negative prompt was not used: prompt embeddings were given");
    const { memory = Number.POSITIVE_INFINITY } = options;
    const asked = settledSize(options, model.value, latents);
    if (asked) assertFits(model.value, memory, { ...options, ...asked, batch });
    const opened = await openImage(options, model.value, { batch, size: asked }, disposals, warnings);
    const { controls, size } = await openControls(options, model, opened.size, disposals, warnings);
    if (size) assertFits(model.value, memory, { ...options, ...size, batch });
    const result = await textToImage(model.value, {
      ...promptsOf(options, embeds, batch),
      indices: Array.from({ length: batch }, (_, i) => (options.first ?? 0) + i),
      controls,
      ...size,
      ...(sampler && { sampler }),
      ...(latents && { noise: latents }),
      ...(opened.image && { image: opened.image }),
      ...passedOn(options),
    });
    result.applied.warnings.unshift(...warnings);
    return result;
  } finally {
    for (const dispose of disposals) dispose();
  }
}

const asTheyAre = [
  ...(Object.keys(runSettings.shape) as (keyof RunSettings)[]).filter((key) => key !== "promptSetting"),
  "samplerOptions",
  "captioner",
  "tiles",
  "onStep",
  "signal",
] as const satisfies readonly (keyof SampleOptions & keyof TextToImageOptions)[];

/** The options that go on as they are, those that are there. */
const passedOn = (options: SampleOptions): TextToImageOptions =>
  Object.fromEntries(asTheyAre.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]));

function promptsOf(
  { prompt = "", negative = "", promptSetting }: SampleOptions,
  embeds: PromptEmbeds | undefined,
  batch: number,
): TextToImageOptions {
  if (embeds) return { promptEmbeds: embeds };
  if (promptSetting !== undefined && promptSetting !== "user")
    return { promptSetting, negativePrompt: negative };
  return { prompts: Array.from({ length: batch }, () => prompt), negativePrompt: negative };
}

async function openModelOf(options: SampleOptions, disposals: (() => void)[]): Promise<Named<Pipeline>> {
  const { model, modelName, tokenizer, log } = options;
  if (typeof model !== "string") return { value: model, name: modelName ?? "the given base model" };
  const pipeline = await openPipeline(model, {
    ...yamlFor(model, options),
    ...(tokenizer !== undefined && { tokenizer }),
    ...(log && { log }),
  });
  disposals.push(() => disposePipeline(pipeline));
  return { value: pipeline, name: modelName ?? model };
}

function latentsOf({ latents }: SampleOptions, model: Pipeline, disposals: (() => void)[]) {
  if (typeof latents !== "string") return latents;
  const read = readLatents(latents, model.autoencoder.config.latentChannels);
  disposals.push(() => read.dispose());
  return read;
}

function embedsOf({ promptEmbeds, guidance }: SampleOptions, model: Pipeline, disposals: (() => void)[]) {
  if (typeof promptEmbeds !== "string") return promptEmbeds;
  const read = readPromptEmbeds(promptEmbeds, model.unet.config.contextChannels);
  disposals.push(() => {
    read.positive.dispose();
    read.negative?.dispose();
  });
  const alone = guidance === 1 || model.unet.config.guidanceChannels !== undefined;
  if (!alone && !read.negative)
    throw new ControlNetError(
      "missing",
      `${promptEmbeds}: expected a tensor "negative_prompt_embeds", too; only guidance 1 needs none`,
    );
  return read;
}
