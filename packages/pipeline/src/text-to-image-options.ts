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
import { type RunSettings, runSettings } from "./run-settings.js";

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

/** What to make, and how; {@link runSettings} tells what each plain setting does, its bounds and default. */
export interface TextToImageOptions extends RunSettings, Omit<SamplerChoice, keyof RunSettings> {
  /** One for each picture. Left out where `promptEmbeds` are given. */
  prompts?: readonly string[];
  /** What to keep away from, for all pictures or for each. Default `""`. */
  negativePrompt?: string | readonly string[];
  /** For the automatic prompt. */
  captioner?: Captioner;
  /** In place of prompts. */
  promptEmbeds?: PromptEmbeds;
  /** Any number of ControlNets; what they give is added up. */
  controls?: readonly ControlInput[];
  /** Begin with a picture: image-to-image, with a mask inpainting, with a U-Net for it editing by instruction. */
  image?: InitialImage;
  /** Steer by a gradient of one's own. */
  classifier?: ClassifierGuidance;
  /** Multiples of the autoencoder's factor, 8. Default: the size of the noise, else of the initial image, else of the first map, else the model's own. */
  width?: number;
  height?: number;
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
export interface TextToImageResult extends Disposable {
  /** 8-bit RGB, one for each prompt. */
  images: Image[];
  /** The clean latents as the U-Net sees them [batch, height / 8, width / 8, channels]; the caller disposes them, or the result by `using`. */
  latents: Tensor4D;
  applied: Applied;
}

/** What a run takes besides its plain settings. */
const inputs: Record<Exclude<keyof TextToImageOptions, keyof RunSettings>, true> = {
  prompts: true,
  negativePrompt: true,
  promptEmbeds: true,
  captioner: true,
  controls: true,
  image: true,
  classifier: true,
  width: true,
  height: true,
  indices: true,
  tiles: true,
  noise: true,
  onStep: true,
  signal: true,
  sampler: true,
  samplerOptions: true,
};

/** Every key of {@link TextToImageOptions}. */
export const textToImageKeys: readonly string[] = [...Object.keys(inputs), ...Object.keys(runSettings.shape)];
