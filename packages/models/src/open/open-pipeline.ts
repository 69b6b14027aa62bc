import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AutoencoderParams } from "@controlnet-js/autoencoder";
import { type FoundPart, readMetadata, requirePart } from "@controlnet-js/checkpoints";
import { restoreFolder } from "@controlnet-js/checkpoints/node";
import { ControlNetError, disposeTree, owned } from "@controlnet-js/core";
import type { TextEncoderParams } from "@controlnet-js/text-encoder";
import type { UNet, UNetParams } from "@controlnet-js/unet";
import { assertPipeline, disposePipeline, type Pipeline, type TextModel } from "../pipeline.js";
import { scheduleOf } from "../schedule-of.js";
import { loadPart } from "./load-part.js";
import { loadPipeline } from "./load-pipeline.js";
import { hintsFromLdm, type ModelHints } from "./model-hints.js";
import { type OpenModel, openModel } from "./open-model.js";
import { type PartModel, partModel } from "./part-model.js";
import { singleFileScheduler } from "./single-file-scheduler.js";
import { openTextModel, textless } from "./single-file-text.js";

/** How to open a model of any of the published forms. */
export interface OpenPipelineOptions {
  /** The original code's model yaml, parsed: what shapes don't tell of an unusual single file. */
  config?: unknown;
  /** A folder with `vocab.json` and `merges.txt`, or `tokenizer.json`; else the model's own, or one beside a single file. */
  tokenizer?: string;
  /** Takes the moving average of a single file's weights, where it has one. Default false. */
  ema?: boolean;
  /** Told what was found: kind and version, and what had to be assumed. */
  log?: (line: string) => void;
}

/**
 * Opens a whole model: a diffusers folder, or a single file (`.safetensors`, `.ckpt`) in the original code's or
 * diffusers' names, of any float type. The caller disposes it, by `disposePipeline` or `using`.
 * @throws ControlNetError `unsupported` naming what the file is instead (a LoRA, SDXL, a ControlNet alone), `format`
 * listing keys that don't fit, `config`, `io`
 */
export async function openPipeline(
  path: string,
  options: OpenPipelineOptions = {},
): Promise<Pipeline & Disposable> {
  const pipeline = await openParts(path, options);
  return owned(pipeline, () => disposePipeline(pipeline));
}

async function openParts(path: string, options: OpenPipelineOptions): Promise<Pipeline> {
  const { log = () => {}, ema = false } = options;
  restoreFolder(path);
  if (existsSync(join(path, "model_index.json"))) {
    const { identity, close } = openModel(path);
    close();
    log(`${path}: ${identity.summary}`);
    return loadPipeline(path, options.tokenizer === undefined ? {} : { tokenizer: options.tokenizer });
  }
  const opened = openModel(path, { ema });
  try {
    log(`${path}: ${opened.identity.summary}`);
    return loadParts(opened, options, log);
  } finally {
    opened.close();
  }
}

/**
 * Opens the U-Net of a model or of a folder or file that holds it alone. The caller disposes it, by `disposeTree` or `using`.
 * @throws ControlNetError as {@link openPipeline}
 */
export async function openUNet(
  path: string,
  { config }: Pick<OpenPipelineOptions, "config"> = {},
): Promise<UNet & Disposable> {
  const opened = openModel(path);
  try {
    const found = requirePart(opened.source, "unet", path);
    const hints = config === undefined ? undefined : hintsFromLdm(config);
    const model = modelOf(opened, found, "unet", hints);
    return owned({
      params: loadPart<UNetParams>(opened, found, { part: "unet", config: model }),
      config: model,
    });
  } finally {
    opened.close();
  }
}

function loadParts(opened: OpenModel, options: OpenPipelineOptions, log: (line: string) => void): Pipeline {
  const hints = options.config === undefined ? undefined : hintsFromLdm(options.config);
  const found = {
    unet: requirePart(opened.source, "unet", opened.path),
    autoencoder: requirePart(opened.source, "autoencoder", opened.path),
    text: opened.identity.parts.find(({ part }) => part === "text-encoder"),
  };
  const loaded: unknown[] = [];
  const load = <P>(part: FoundPart, model: PartModel): P => {
    const params = loadPart<P>(opened, part, model);
    loaded.push(params);
    return params;
  };
  try {
    const scheduler = singleFileScheduler(opened, hints, log);
    const prediction = scheduler.json.prediction_type as string | undefined;
    const unet = modelOf(
      opened,
      found.unet,
      "unet",
      withPrediction(opened, found.unet, hints, prediction),
      log,
    );
    const autoencoder = modelOf(opened, found.autoencoder, "autoencoder", hints, log);
    const text = found.text ? modelOf(opened, found.text, "text-encoder", hints, log) : undefined;
    if (!text) log("the file holds no text encoder: only ready prompt embeddings can be used");
    const words: TextModel = text
      ? {
          params: load<TextEncoderParams>(found.text!, { part: "text-encoder", config: text }),
          config: text,
          ...openTextModel(opened.path, text, found.text!.keys, options.tokenizer, log),
        }
      : textless(unet.contextChannels);
    if (!text) loaded.push(words.params);
    const pipeline: Pipeline = {
      text: words,
      unet: { params: load<UNetParams>(found.unet, { part: "unet", config: unet }), config: unet },
      autoencoder: {
        params: load<AutoencoderParams>(found.autoencoder, { part: "autoencoder", config: autoencoder }),
        config: autoencoder,
      },
      schedule: scheduleOf(scheduler),
      scheduler,
      metadata: readMetadata(opened.source.metadata),
    };
    assertPipeline(pipeline);
    return pipeline;
  } catch (error) {
    disposeTree(loaded);
    throw error;
  }
}

/** The published v-prediction models were trained on larger pictures; without a yaml this is the one thing it changes. */
function withPrediction(
  opened: OpenModel,
  found: FoundPart,
  hints: ModelHints | undefined,
  prediction: string | undefined,
): ModelHints | undefined {
  if (hints?.prediction || prediction === undefined) return hints;
  if (!hints && opened.configOf(found)) return undefined;
  return { ...hints, prediction };
}

type ConfigOf<P extends PartModel["part"]> = Extract<PartModel, { part: P }>["config"];

function modelOf<P extends PartModel["part"]>(
  opened: OpenModel,
  found: FoundPart,
  part: P,
  hints: ModelHints | undefined,
  log?: (line: string) => void,
): ConfigOf<P> {
  const model = partModel(opened, found, hints, log);
  if (model.part !== part) throw new ControlNetError("state", `expected ${part}, found ${model.part}`);
  return model.config as ConfigOf<P>;
}
