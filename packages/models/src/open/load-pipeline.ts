import { join } from "node:path";
import {
  type AutoencoderParams,
  autoencoderConfigFromDiffusers,
  autoencoderKeyRows,
  autoencoderKeysOf,
} from "@controlnet-js/autoencoder";
import { loadTree, readMetadata } from "@controlnet-js/checkpoints";
import { openWeights, readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError, disposeTree } from "@controlnet-js/core";
import { readSchedulerConfig } from "@controlnet-js/samplers";
import {
  findTextEncoder,
  type TextEncoderParams,
  textEncoderConfigFromTransformers,
  textEncoderIgnoredKeys,
  textEncoderKeyRows,
} from "@controlnet-js/text-encoder";
import { type UNet, type UNetParams, unetConfigFromDiffusers, unetKeyRows } from "@controlnet-js/unet";
import { assertPipeline, type Pipeline, type TextModel } from "../pipeline.js";
import { scheduleOf } from "../schedule-of.js";
import { findTokenizer } from "../tokenizer/find-tokenizer.js";
import { loadTokenizer } from "../tokenizer/load-tokenizer.js";
import { holdsVocabulary } from "../tokenizer/read-vocabulary.js";
import { readText } from "./read-text.js";
import { textless, withoutTokenizer } from "./single-file-text.js";

/** How to load a diffusers folder. */
export interface LoadPipelineOptions {
  /** The folder of the tokenizer, instead of the model's own. */
  tokenizer?: string;
}

/**
 * Loads a diffusers folder: `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`, with weights of any float
 * type, whole or in shards. Where `model_index.json` says that it has no text encoder or no tokenizer, or the tokenizer is
 * not there, only ready prompt embeddings can be used. The caller disposes it with `disposePipeline`.
 * @throws ControlNetError `io`, `missing`, `format`, `config` or `unsupported`, naming the part and the way out
 */
export async function loadPipeline(
  folder: string,
  { tokenizer }: LoadPipelineOptions = {},
): Promise<Pipeline> {
  const index = readConfig(folder, "model_index.json");
  refuseOthers(folder, index);
  const loaded: unknown[] = [];
  const keep = <P>(part: P & { params: unknown }): P => {
    loaded.push(part.params);
    return part;
  };
  try {
    const scheduler = readSchedulerConfig(readText(join(folder, "scheduler", "scheduler_config.json")));
    const { metadata, ...unet } = keep(loadUNet(join(folder, "unet")));
    const pipeline: Pipeline = {
      text: keep(
        lacks(index, "text_encoder")
          ? textless(unet.config.contextChannels)
          : loadText(folder, index, tokenizer),
      ),
      unet,
      autoencoder: keep(loadAutoencoder(join(folder, "vae"))),
      schedule: scheduleOf(scheduler),
      scheduler,
      metadata,
    };
    assertPipeline(pipeline);
    return pipeline;
  } catch (error) {
    disposeTree(loaded);
    throw error;
  }
}

function loadUNet(folder: string): UNet & { metadata: Record<string, unknown> } {
  const config = unetConfigFromDiffusers(readConfig(folder));
  const source = openWeights(folder);
  try {
    const params = loadTree<UNetParams>(source, unetKeyRows(config, "diffusers"), {
      where: `U-Net ${source.path}`,
    });
    return { params, config, metadata: readMetadata(source.metadata) };
  } finally {
    source.close();
  }
}

function loadAutoencoder(folder: string): Pipeline["autoencoder"] {
  const config = autoencoderConfigFromDiffusers(readConfig(folder));
  const source = openWeights(folder);
  try {
    const keys = autoencoderKeysOf(source.names()) ?? "diffusers";
    const where = `autoencoder ${source.path}`;
    return {
      params: loadTree<AutoencoderParams>(source, autoencoderKeyRows(config, keys), { where }),
      config,
    };
  } finally {
    source.close();
  }
}

/** Whether `model_index.json` names no such part, as diffusers writes it of a pipeline made without it. */
const lacks = (index: Record<string, unknown>, part: string): boolean =>
  index[part] === undefined || (Array.isArray(index[part]) && index[part][0] === null);

function loadText(folder: string, index: Record<string, unknown>, tokenizer: string | undefined): TextModel {
  const at = join(folder, "text_encoder");
  const json = readConfig(at);
  const source = openWeights(at, ["model", "pytorch_model", "diffusion_pytorch_model"]);
  try {
    const file = findTextEncoder(source.names());
    if (!file)
      throw new ControlNetError(
        "format",
        `text encoder: ${source.path} holds no CLIP text encoder that is known`,
      );
    const config = textEncoderConfigFromTransformers(json, file);
    const own = join(folder, "tokenizer");
    const hasOwn = !lacks(index, "tokenizer") && holdsVocabulary(own);
    const found = tokenizer === undefined ? (hasOwn ? own : undefined) : findTokenizer(folder, tokenizer);
    const words =
      found === undefined
        ? withoutTokenizer(
            config,
            `${folder} has no tokenizer; name the folder of one with --tokenizer, or give ready prompt embeddings`,
          )
        : loadTokenizer(found, config.maxTokens);
    const params = loadTree<TextEncoderParams>(source, textEncoderKeyRows(config, file.keys), {
      prefix: file.prefix,
      ignore: textEncoderIgnoredKeys,
      where: `text encoder ${source.path}`,
    });
    return { params, config, ...words };
  } finally {
    source.close();
  }
}

function refuseOthers(folder: string, index: Record<string, unknown>): void {
  const name = String(index._class_name ?? "");
  const other = ["text_encoder_2", "text_encoder_3", "transformer", "prior"].find(
    (part) => Array.isArray(index[part]) && (index[part] as unknown[])[0] !== null,
  );
  if (other !== undefined)
    throw new ControlNetError(
      "unsupported",
      `loadPipeline: ${folder} is a ${name || "model"} with "${other}"; Stable Diffusion 1, 2 and models of their shape are read`,
    );
}
