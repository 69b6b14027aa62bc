import { ControlNetError } from "@controlnet-js/core";
import { disposePipeline, type Pipeline } from "../../pipeline.js";
import { textToImage } from "../../text-to-image.js";
import type { TextToImageOptions, TextToImageResult } from "../../text-to-image-options.js";
import { openPipeline } from "../models/index.js";
import { readSampler } from "../read-sampler.js";
import { readLatents, readPromptEmbeds } from "../tensor-files.js";
import { batchOf, settledSize } from "./batch-and-size.js";
import { type Named, openControls, yamlFor } from "./open-controls.js";
import type { SampleOptions } from "./sample-options.js";

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
    if (embeds && options.negative)
      warnings.push("the negative prompt was not used: prompt embeddings were given");
    const settled = settledSize(options, model.value, latents);
    const { controls, size } = await openControls(options, model, settled, disposals, warnings);
    const { steps, eta, guidance, guidanceRescale, guessMode, seed, onStep, signal } = options;
    const result = await textToImage(model.value, {
      ...(embeds
        ? { promptEmbeds: embeds }
        : { prompts: Array.from({ length: batch }, () => options.prompt ?? "") }),
      indices: Array.from({ length: batch }, (_, i) => i),
      negativePrompt: embeds ? "" : (options.negative ?? ""),
      controls,
      ...size,
      ...(sampler && { sampler }),
      ...(latents && { noise: latents }),
      ...given({ steps, eta, guidance, guidanceRescale, guessMode, seed, onStep, signal }),
    });
    result.applied.warnings.unshift(...warnings);
    return result;
  } finally {
    for (const dispose of disposals) dispose();
  }
}

/** The entries that are there, for options in which `undefined` is no value. */
const given = (
  options: {
    [K in keyof TextToImageOptions]?: TextToImageOptions[K] | undefined;
  },
): TextToImageOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

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
  if (guidance !== 1 && !read.negative)
    throw new ControlNetError(
      "missing",
      `${promptEmbeds}: expected a tensor "negative_prompt_embeds", too; only guidance 1 needs none`,
    );
  return read;
}
