import type { Image } from "@controlnet-js/core";
import type { NoiseLevel } from "@controlnet-js/samplers";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { Applied } from "./applied.js";
import type { SamplerChoice } from "./choose-plan.js";
import type { ClassifierGuidance } from "./classifier-guidance.js";
import type { ControlInput } from "./control-input.js";
import type { InitialImage } from "./initial-image.js";
import type { PromptEmbeds } from "./prompt-context.js";
import type { Captioner, PromptSetting } from "./prompt-settings.js";

/** Told after every step. */
export interface TextToImageStep {
  /** The step just done, from 0. */
  step: number;
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
  /** Any number of ControlNets; what they give is added up. */
  controls?: readonly ControlInput[];
  /**
   * Guess mode for every control without a weighting of its own: the content is guessed from the map, with or without
   * prompt. The conditional half alone is controlled, the shallow links weakly, as the original code or diffusers has it;
   * a globally pooled net's links stay even.
   */
  guessMode?: "original" | "diffusers";
  /** Begin with a picture: image-to-image, or with a mask inpainting. */
  image?: InitialImage;
  /** Steer by a gradient of one's own. */
  classifier?: ClassifierGuidance;
  /** Multiples of the autoencoder's factor, 8. Default: the noise's size, else the first map's, else the model's own. */
  width?: number;
  height?: number;
  /** beta of `eps_uc + beta (eps_c - eps_uc)`; 1 leaves the unconditional half out. Default 9, as in the paper. */
  guidance?: number;
  /** How far guidance's rise in contrast is taken back, in [0, 1]. Default 0. */
  guidanceRescale?: number;
  /** Default 0. With `indices` it decides all noise. */
  seed?: number;
  /** The pictures' own numbers: a picture is the same in any batch. Default 0, 1, 2 ... */
  indices?: readonly number[];
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
  "promptSetting",
  "captioner",
  "controls",
  "guessMode",
  "image",
  "classifier",
  "width",
  "height",
  "guidance",
  "guidanceRescale",
  "seed",
  "indices",
  "noise",
  "onStep",
  "signal",
  "sampler",
  "steps",
  "eta",
  "samplerOptions",
] as const satisfies readonly (keyof TextToImageOptions)[];
