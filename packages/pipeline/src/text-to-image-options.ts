import type { TileOptions } from "@controlnet-js/autoencoder";
import type { Image } from "@controlnet-js/core";
import type { PromptEmbeds } from "@controlnet-js/models";
import type { NoiseLevel } from "@controlnet-js/samplers";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { Applied } from "./applied.js";
import type { SamplerChoice } from "./choose-plan.js";
import type { ClassifierGuidance } from "./classifier-guidance.js";
import type { ControlInput } from "./control-input.js";
import type { Pictures } from "./picture.js";

/**
 * The paper's prompt settings (section 4.1): `"none"`, the empty prompt; `"default"`, {@link defaultPrompt};
 * `"automatic"`, a caption of what the default prompt gives, from which the picture is made again; `"user"`.
 */
export type PromptSetting = "none" | "default" | "automatic" | "user";

/** The known values of {@link PromptSetting}. */
export const promptSettings = [
  "none",
  "default",
  "automatic",
  "user",
] as const satisfies readonly PromptSetting[];

/** Says in words what is in an 8-bit RGB picture. */
export type Captioner = (picture: Image) => string | Promise<string>;

/**
 * A picture to begin with: image-to-image, or with a mask inpainting. A U-Net that edits by instruction takes the picture
 * alone. Pictures are encoded to the mean of their distribution; diffusers draws from it, but for editing: give it, or
 * take from it, ready latents where results are to be equal.
 */
export interface InitialImage {
  /** Of the run's size, in [0, 1]; one for all samples or one for each. */
  picture?: Pictures;
  /**
   * In place of the picture: its clean latents as the U-Net sees them [1 or batch, height / 8, width / 8, channels], scaled
   * by the autoencoder's factor, but for a U-Net that edits by instruction.
   */
  latents?: Tensor4D;
  /** For a U-Net that inpaints, in place of the picture: the latents of the picture with grey under the mask. */
  maskedLatents?: Tensor4D;
  /**
   * How much is made anew, in (0, 1]: this part of the steps runs. Default 0.8, with a mask 1. With a mask 1 means that
   * nothing of the picture shines through where it is made anew.
   */
  strength?: number;
  /** 1 (at least 0.5) where the picture is made anew, 0 where it is kept; one channel. */
  mask?: Pictures;
}

/** Told after every step. */
export interface TextToImageStep {
  /** The step just done, from 0. */
  step: number;
  /** Those asked for; with PLMS and PNDM, where each model call counts, 1 and 9 more. */
  steps: number;
  timestep: number;
  /** The latent after the step; read it before returning. */
  latent: Tensor4D;
  /** The clean latent that the model now expects; read it before returning. */
  predictedClean: Tensor4D;
  level: NoiseLevel;
  /** Decodes the pictures that the model now expects; await it before returning. */
  preview(): Promise<Image[]>;
}

/** What to make, and how. */
export interface TextToImageOptions extends SamplerChoice {
  /** One for each picture. Left out where `promptEmbeds` are given. */
  prompts?: readonly string[];
  /** What to keep away from, for all pictures or for each. Default `""`. */
  negativePrompt?: string | readonly string[];
  /** One of the paper's prompt settings, in place of prompts; as many pictures as `indices`, by default one. */
  promptSetting?: PromptSetting;
  /** For the automatic prompt. */
  captioner?: Captioner;
  /** In place of prompts. */
  promptEmbeds?: PromptEmbeds;
  /**
   * This many of the text encoder's last layers are left out of the prompts' features, counted from the one that the model
   * was trained with; the final norm still applies. diffusers' `clip_skip`; "Clip skip 2" of web interfaces is 1. Default 0.
   */
  clipSkip?: number;
  /** The same of the negative prompt. Default 0, as always in diffusers; web interfaces leave out as many as of the prompt. */
  negativeClipSkip?: number;
  /**
   * Prompts longer than the text encoder takes (75 words' parts) are read in pieces whose features are joined, in place of
   * being cut off as in diffusers. Default false.
   */
  longPrompts?: boolean;
  /** Any number of ControlNets; what they give is added up. */
  controls?: readonly ControlInput[];
  /**
   * Guess mode for every control without a weighting of its own: the content is guessed from the map, with or without
   * prompt. The conditional half alone is controlled, the shallow links weakly, as the original code or diffusers has it;
   * a globally pooled net's links stay even.
   */
  guessMode?: "original" | "diffusers";
  /** Begin with a picture: image-to-image, with a mask inpainting, with a U-Net for it editing by instruction. */
  image?: InitialImage;
  /** Steer by a gradient of one's own. */
  classifier?: ClassifierGuidance;
  /** Multiples of the autoencoder's factor, 8. Default: the size of the noise, else of the initial image, else of the first map, else the model's own. */
  width?: number;
  height?: number;
  /**
   * beta of `eps_uc + beta (eps_c - eps_uc)`; 1 leaves the unconditional half out. Default 9, as in the paper. A U-Net that
   * was distilled for any guidance (latent consistency models) takes it as an input: then nothing runs twice, and negative
   * prompts have no effect.
   */
  guidance?: number;
  /**
   * With a U-Net that edits by instruction: how closely the result keeps to the picture, from 1; diffusers'
   * `image_guidance_scale`. Default 1.5. Like `guidance` it has no effect where that is 1.
   */
  imageGuidance?: number;
  /** How far guidance's rise in contrast is taken back, in [0, 1]. Default 0. */
  guidanceRescale?: number;
  /** Default 0. With `indices` it decides all noise. */
  seed?: number;
  /** The pictures' own numbers: a picture is the same in any batch. Default 0, 1, 2 ... */
  indices?: readonly number[];
  /**
   * Encodes and decodes large pictures tile by tile, in the memory of one tile, blended as in diffusers' `enable_vae_tiling`;
   * `{}` takes tiles of the size that the autoencoder was trained on. Default: whole.
   */
  tiles?: TileOptions;
  /** The standard normal latent to begin with [batch, height / 8, width / 8, channels], in place of the seed's: diffusers' `latents`. */
  noise?: Tensor4D;
  onStep?: (step: TextToImageStep) => void | Promise<void>;
  signal?: AbortSignal;
}

/** What came out. */
export interface TextToImageResult {
  /** 8-bit RGB, one for each prompt. */
  images: Image[];
  /** The clean latents as the U-Net sees them [batch, height / 8, width / 8, channels]; the caller disposes them. */
  latents: Tensor4D;
  applied: Applied;
}

/** Every key of {@link TextToImageOptions}. */
export const textToImageKeys = [
  "prompts",
  "negativePrompt",
  "promptEmbeds",
  "clipSkip",
  "negativeClipSkip",
  "longPrompts",
  "promptSetting",
  "captioner",
  "controls",
  "guessMode",
  "image",
  "classifier",
  "width",
  "height",
  "guidance",
  "imageGuidance",
  "guidanceRescale",
  "seed",
  "indices",
  "tiles",
  "noise",
  "onStep",
  "signal",
  "sampler",
  "steps",
  "eta",
  "samplerOptions",
] as const satisfies readonly (keyof TextToImageOptions)[];
