import type { Pipeline, PromptEmbeds, UNetTask } from "@controlnet-js/models";
import type { OpenedControlNet } from "@controlnet-js/models/node";
import type {
  ControlSettings,
  InitialImage,
  Pictures,
  RunSettings,
  TextToImageOptions,
} from "@controlnet-js/pipeline";
import type { Sampler, SchedulerConfig } from "@controlnet-js/samplers";
import type { Tensor4D } from "@tensorflow/tfjs-core";

/** Sides in pixels. */
export interface PictureSize {
  width: number;
  height: number;
}

/** What a map is to be made for. */
export interface MapRequest {
  net: OpenedControlNet;
  /** Where it is settled: by the options, the latents or the map of a ControlNet before. */
  size: PictureSize | undefined;
  /** What the model was trained on, for where nothing else decides. */
  modelSize: PictureSize;
  /** What both sides must be multiples of, 8 for Stable Diffusion. */
  multiple: number;
  /** Adds to the warnings of the result. */
  warn(message: string): void;
}

/** Makes a control map of `size`; where that is not settled, the map that it makes settles it. */
export type MapMaker = (request: MapRequest) => Pictures | Promise<Pictures>;

/** Makes the mask of a ControlNet, of the settled size. */
export type MaskMaker = (
  request: Pick<MapRequest, "warn"> & { size: PictureSize },
) => Pictures | Promise<Pictures>;

/** What an initial image is to be made for. */
export interface ImageRequest {
  model: Pipeline;
  /** What the model's U-Net was made for, and so what it needs. */
  task: UNetTask;
  /** Pictures to paint. */
  batch: number;
  /** Where it is settled: by the options or the latents. */
  size: PictureSize | undefined;
  /** What both sides must be multiples of, 8 for Stable Diffusion. */
  multiple: number;
  /** Adds to the warnings of the result. */
  warn(message: string): void;
}

/**
 * Makes the initial image, which settles the size where nothing else has, or `undefined` for none; it is asked for every
 * run. Its tensors are disposed with the run.
 */
export type ImageMaker = (
  request: ImageRequest,
) => InitialImage | undefined | Promise<InitialImage | undefined>;

/** One ControlNet of {@link SampleOptions}. */
export interface SampleControl extends ControlSettings {
  /** A folder or file of any published form; or an opened one, which stays the caller's. */
  net: string | OpenedControlNet;
  /** The map in [0, 1], of the picture's size, or what makes it. */
  map: Pictures | MapMaker;
  /** Where it works, 1 inside: one channel, of the picture's size; or what makes it. */
  mask?: Pictures | MaskMaker;
  /** Shown in the report and in errors. Default: the path. */
  name?: string;
}

/** What `samplePictures` paints, and with what. Files are read in the forms in which diffusers users have them. */
export interface SampleOptions
  extends Pick<
    TextToImageOptions,
    keyof RunSettings | "samplerOptions" | "captioner" | "tiles" | "onStep" | "signal"
  > {
  /** A diffusers folder or a single file; or an opened model, which stays the caller's. */
  model: string | Pipeline;
  /** How errors and warnings call it. Default: its path. */
  modelName?: string;
  /** Left out where `promptEmbeds` are given, or a `promptSetting` makes it. */
  prompt?: string;
  /** What to keep away from. Default `""`. */
  negative?: string;
  controls?: readonly SampleControl[];
  /**
   * A name, the path of a `scheduler_config.json`, a read one, whose settings are all obeyed, or a function that lays out a
   * plan. Default `"ddim"`.
   */
  sampler?: string | SchedulerConfig | Sampler;
  /** Begin with a picture, or edit it; or what makes it. */
  image?: InitialImage | ImageMaker;
  /** Pictures to paint. Default: as many as `latents`, else as `promptEmbeds`, else 1. */
  batch?: number;
  /** The own number of the first picture, the others follow: a picture depends on it and the seed alone. Default 0. */
  first?: number;
  /** Default: that of `latents`, else of the initial image, else of the first map, else the model's own. */
  size?: PictureSize;
  /**
   * The noise to begin with, in place of the seed's: a safetensors file with `latents` [batch, channels, height / 8,
   * width / 8], or a tensor [batch, height / 8, width / 8, channels]. Standard normal: it is multiplied by the sampler's
   * initial sigma, as diffusers does with its `latents`.
   */
  latents?: string | Tensor4D;
  /** In place of the prompt: a safetensors file with `prompt_embeds` and `negative_prompt_embeds`, or tensors. */
  promptEmbeds?: string | PromptEmbeds;
  /** The original code's model yaml, parsed: what shapes don't tell of single files. Folders have their own config. */
  config?: unknown;
  /** The folder of a single file's tokenizer; else looked for beside it. */
  tokenizer?: string;
  /** Bytes that the engine can hold: what can't be painted with so many is refused at once. Default: nothing is. */
  memory?: number;
  /** Told what was found and assumed. */
  log?: (line: string) => void;
}
