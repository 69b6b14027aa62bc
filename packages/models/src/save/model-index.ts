import type { UNetTask } from "../pipeline.js";

/** What a diffusers folder holds. */
export interface FolderContents {
  /** What the U-Net was made for. */
  task: UNetTask;
  /** diffusers' class of the scheduler. */
  scheduler: unknown;
  unet: boolean;
  autoencoder: boolean;
  textEncoder: boolean;
  tokenizer: boolean;
  controlNet: boolean;
}

const classOf: Readonly<Record<UNetTask, string>> = {
  paint: "StableDiffusionPipeline",
  inpaint: "StableDiffusionInpaintPipeline",
  edit: "StableDiffusionInstructPix2PixPipeline",
};

/** diffusers' `model_index.json`; a part that is not there is named as diffusers names one. */
export function modelIndex(contents: FolderContents): Record<string, unknown> {
  const entry = (isThere: boolean, library: string, type: string) =>
    isThere ? [library, type] : [null, null];
  return {
    _class_name: contents.controlNet ? "StableDiffusionControlNetPipeline" : classOf[contents.task],
    _diffusers_version: "0.42.1",
    ...(contents.controlNet && { controlnet: ["diffusers", "ControlNetModel"] }),
    feature_extractor: [null, null],
    image_encoder: [null, null],
    requires_safety_checker: false,
    safety_checker: [null, null],
    scheduler: ["diffusers", contents.scheduler],
    text_encoder: entry(contents.textEncoder, "transformers", "CLIPTextModel"),
    tokenizer: entry(contents.tokenizer, "transformers", "CLIPTokenizer"),
    unet: entry(contents.unet, "diffusers", "UNet2DConditionModel"),
    vae: entry(contents.autoencoder, "diffusers", "AutoencoderKL"),
  };
}
