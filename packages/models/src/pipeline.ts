import { type Autoencoder, downscaling } from "@controlnet-js/autoencoder";
import { ControlNetError, disposeTree } from "@controlnet-js/core";
import type { NoiseSchedule, SchedulerConfig } from "@controlnet-js/samplers";
import type { BpeVocabulary, TextEncoder, Tokenizer } from "@controlnet-js/text-encoder";
import type { UNet } from "@controlnet-js/unet";
import type { Tensor3D } from "@tensorflow/tfjs-core";

/** The text half: prompts to the context of the U-Net's cross-attention. */
export interface TextModel extends TextEncoder {
  tokenizer: Tokenizer;
  /** What the tokenizer was made of; `savePipeline` writes it. Empty where the model was opened without one. */
  vocabulary: BpeVocabulary;
  /** Whether this only stands for the text encoder that the model lacks. */
  absent?: boolean;
}

/** The models of latent diffusion, loaded: a plain value. The parameters belong to whoever made it. */
export interface Pipeline {
  text: TextModel;
  unet: UNet;
  autoencoder: Autoencoder;
  /** Made from `scheduler.schedule`. */
  schedule: NoiseSchedule;
  /** diffusers' `scheduler_config.json`: the noise schedule and the sampler that the model was published with. */
  scheduler: SchedulerConfig;
  /** Anything to be kept with the weights: the condition, the step, where it comes from. */
  metadata: Record<string, unknown>;
}

/** Prompts as the U-Net takes them. */
export interface PromptEmbeds {
  /** [1 or batch, tokens, features]. */
  positive: Tensor3D;
  /** Of the same shape; needed unless guidance is 1 or the U-Net was distilled for any guidance. */
  negative?: Tensor3D;
}

/** Disposes all parameters. */
export function disposePipeline(pipeline: Pipeline): void {
  disposeTree([pipeline.text.params, pipeline.unet.params, pipeline.autoencoder.params]);
}

/**
 * Checks that the parts belong together.
 * @throws ControlNetError `config`: for example a text encoder of Stable Diffusion 2 beside a U-Net of 1.5
 */
export function assertPipeline({ text, unet, autoencoder, schedule }: Pipeline): void {
  const { contextChannels, inChannels, outChannels } = unet.config;
  if (text.config.hiddenSize !== contextChannels)
    throw new ControlNetError(
      "config",
      `pipeline: the text encoder gives ${text.config.hiddenSize} features, the U-Net takes ${contextChannels}: ` +
        "these parts come from different models (768 is Stable Diffusion 1, 1024 is 2)",
    );
  if (text.tokenizer.vocabularySize > text.config.vocabularySize)
    throw new ControlNetError(
      "config",
      `pipeline: the tokenizer has ${text.tokenizer.vocabularySize} tokens, the text encoder ${text.config.vocabularySize}`,
    );
  const { latentChannels } = autoencoder.config;
  if (outChannels !== latentChannels || unetTask({ unet, autoencoder }) === undefined)
    throw new ControlNetError(
      "config",
      `pipeline: the U-Net goes from ${inChannels} to ${outChannels} channels, the autoencoder's latents have ` +
        `${latentChannels}; expected ${latentChannels} to ${latentChannels}, or from ${2 * latentChannels + 1} for ` +
        `inpainting, ${2 * latentChannels} for editing by instruction`,
    );
  if (schedule.trainTimesteps < 1)
    throw new ControlNetError("config", "pipeline: the noise schedule is empty");
}

/**
 * What a U-Net was made for: `"paint"` takes noise alone, `"inpaint"` a mask and the picture around it besides, `"edit"`
 * the picture to edit by instruction (InstructPix2Pix).
 */
export type UNetTask = "paint" | "inpaint" | "edit";

/** The task of a U-Net by its input channels, for latents of n channels: n, 2n + 1 or 2n. Undefined for others. */
export function unetTask({
  unet,
  autoencoder,
}: Pick<Pipeline, "unet" | "autoencoder">): UNetTask | undefined {
  const { inChannels } = unet.config;
  const { latentChannels } = autoencoder.config;
  if (inChannels === latentChannels) return "paint";
  if (inChannels === 2 * latentChannels + 1) return "inpaint";
  return inChannels === 2 * latentChannels ? "edit" : undefined;
}

/** Picture pixels for each latent, along a side, of which a picture's sides are multiples: 8 for Stable Diffusion. */
export const latentFactor = ({ autoencoder }: Pick<Pipeline, "autoencoder">): number =>
  downscaling(autoencoder.config);
