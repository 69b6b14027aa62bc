import type { TileOptions } from "@controlnet-js/autoencoder";
import { assertShape, ControlNetError, unknownName } from "@controlnet-js/core";
import { latentFactor, type Pipeline, type PromptEmbeds, unetTask } from "@controlnet-js/models";
import { sizeOf } from "./picture.js";
import { runSettings, settled } from "./run-settings.js";
import { type TextToImageOptions, textToImageKeys } from "./text-to-image-options.js";

/** Options with every default filled in. */
export interface ResolvedOptions {
  batch: number;
  width: number;
  height: number;
  /** Of one latent. */
  latentShape: readonly [height: number, width: number, channels: number];
  prompts: readonly string[];
  negative: readonly string[];
  promptEmbeds: PromptEmbeds | undefined;
  clipSkip: number;
  negativeClipSkip: number;
  longPrompts: boolean;
  guidance: number;
  /** Whether the unconditional half runs. */
  guided: boolean;
  /** Whether the U-Net was distilled for any guidance and takes it as an input, in place of the unconditional half. */
  embedsGuidance: boolean;
  /** Of a U-Net that edits by instruction alone. */
  imageGuidance: number | undefined;
  guidanceRescale: number;
  seed: number;
  indices: readonly number[];
  tiles: TileOptions | undefined;
}

const refuse = (
  code: "config" | "shape" | "range" | "missing",
  message: string,
  option?: keyof TextToImageOptions,
): never => {
  throw new ControlNetError(code, `textToImage: ${message}`, { option });
};

/**
 * Checks options and fills in the defaults.
 * @throws ControlNetError `config`, `shape`, `range` or `missing`, telling what is valid
 */
export function resolveOptions(pipeline: Pipeline, options: TextToImageOptions): ResolvedOptions {
  checkKeys(options);
  const batch = batchOf(options);
  checkSkips(pipeline, options);
  const { guidance, guidanceRescale, seed, ...settings } = settled("textToImage", runSettings, options);
  const { noise } = options;
  const embedsGuidance = pipeline.unet.config.guidanceChannels !== undefined;
  const indices = options.indices ?? Array.from({ length: batch }, (_, i) => i);
  if (indices.length !== batch || !indices.every((index) => Number.isSafeInteger(index) && index >= 0))
    refuse("range", `expected ${batch} indices that are integers from 0, got ${indices.join(", ")}`);
  const { width, height } = pictureSize(pipeline, options);
  const factor = latentFactor(pipeline);
  const latentShape = [height / factor, width / factor, pipeline.autoencoder.config.latentChannels] as const;
  if (noise) assertShape("textToImage: noise", noise.shape, [batch, ...latentShape]);
  return {
    batch,
    width,
    height,
    latentShape,
    prompts: options.prompts ?? [],
    negative: negativesOf(options.negativePrompt ?? "", batch),
    promptEmbeds: options.promptEmbeds,
    clipSkip: settings.clipSkip,
    negativeClipSkip: settings.negativeClipSkip,
    longPrompts: settings.longPrompts,
    guidance,
    guided: guidance !== 1 && !embedsGuidance,
    embedsGuidance,
    imageGuidance: imageGuidanceOf(pipeline, settings),
    guidanceRescale,
    seed,
    indices,
    tiles: tilesOf(pipeline, options),
  };
}

function checkKeys(options: TextToImageOptions): void {
  for (const key of Object.keys(options)) {
    if ((textToImageKeys as readonly string[]).includes(key)) continue;
    refuse("config", `unknown option ${unknownName(key, textToImageKeys)}`);
  }
}

function batchOf({ prompts, promptEmbeds, noise, indices }: TextToImageOptions): number {
  if (prompts && promptEmbeds) refuse("config", "expected prompts or promptEmbeds, got both");
  const embedded = promptEmbeds?.positive.shape[0] ?? 0;
  const batch = prompts?.length ?? (embedded === 1 ? (noise?.shape[0] ?? indices?.length ?? 1) : embedded);
  if (batch < 1) refuse("missing", 'expected at least one prompt; for none give prompts: [""]');
  return batch;
}

function checkSkips(
  { text }: Pipeline,
  { promptEmbeds, clipSkip = 0, negativeClipSkip = 0, longPrompts = false }: TextToImageOptions,
): void {
  if (promptEmbeds && (clipSkip !== 0 || negativeClipSkip !== 0 || longPrompts))
    refuse("config", "clipSkip and longPrompts belong to prompts; promptEmbeds are taken as they are");
  const most = text.config.layers - text.config.skippedLayers;
  for (const [name, skip] of Object.entries({ clipSkip, negativeClipSkip }))
    if (!Number.isInteger(skip) || skip < 0 || skip > most)
      refuse(
        "range",
        `expected a ${name} of 0 to ${most}, the text encoder's layers, got ${skip}`,
        name as "clipSkip" | "negativeClipSkip",
      );
}

function imageGuidanceOf(
  pipeline: Pipeline,
  { imageGuidance }: Pick<TextToImageOptions, "imageGuidance">,
): number | undefined {
  if (unetTask(pipeline) === "edit") return imageGuidance ?? 1.5;
  if (imageGuidance !== undefined)
    refuse(
      "config",
      `imageGuidance belongs to U-Nets that edit by instruction, of ${2 * pipeline.autoencoder.config.latentChannels} ` +
        `input channels; this one has ${pipeline.unet.config.inChannels}`,
      "imageGuidance",
    );
  return undefined;
}

/** Checked before the run, which the decoder would otherwise end with its error. */
function tilesOf(pipeline: Pipeline, { tiles }: TextToImageOptions): TileOptions | undefined {
  const factor = latentFactor(pipeline);
  const { tileSize = pipeline.autoencoder.config.sampleSize, overlap = 0.25 } = tiles ?? {};
  const latents = tileSize / factor;
  if (tiles && !(Number.isInteger(latents) && overlap >= 0 && Math.floor(latents * (1 - overlap)) >= 1))
    refuse(
      "range",
      `expected tiles whose side is a multiple of ${factor} and whose overlap is in [0, 1) and leaves some of them, got ` +
        `${tileSize} and ${overlap}`,
      "tiles",
    );
  return tiles;
}

function negativesOf(negative: string | readonly string[], batch: number): readonly string[] {
  if (typeof negative === "string") return Array.from({ length: batch }, () => negative);
  if (negative.length !== batch)
    refuse("shape", `expected one negative prompt or ${batch}, got ${negative.length}`);
  return negative;
}

interface PictureSize {
  width: number;
  height: number;
}

function pictureSize(pipeline: Pipeline, options: TextToImageOptions): PictureSize {
  const step = latentFactor(pipeline);
  const size = ownSize(pipeline, options);
  const { width = size.width, height = size.height } = options;
  const fits = (length: number) => Number.isInteger(length) && length >= step && length % step === 0;
  if (!fits(width) || !fits(height)) {
    const near = (length: number) => Math.max(step, Math.round(length / step) * step) || step;
    refuse(
      "shape",
      `expected width and height in multiples of ${step}, got ${width}x${height}; the nearest is ${near(width)}x${near(height)}`,
    );
  }
  return { width, height };
}

function ownSize(pipeline: Pipeline, { noise, image, controls }: TextToImageOptions): PictureSize {
  const factor = latentFactor(pipeline);
  const latents = noise ?? image?.latents;
  if (latents) return { width: latents.shape[2] * factor, height: latents.shape[1] * factor };
  const map = image?.picture ?? controls?.[0]?.map;
  if (map) return sizeOf(map);
  const side = pipeline.unet.config.sampleSize * factor;
  return { width: side, height: side };
}
