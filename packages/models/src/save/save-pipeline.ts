import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { autoencoderConfigToDiffusers, autoencoderKeyRows } from "@controlnet-js/autoencoder";
import { exportTree, type FloatDType, metadataEntries } from "@controlnet-js/checkpoints";
import { replaceFolder, saveModelFolder, writeConfig } from "@controlnet-js/checkpoints/node";
import { writeSchedulerConfig } from "@controlnet-js/samplers";
import {
  formatVocabulary,
  textEncoderConfigToTransformers,
  textEncoderKeyRows,
} from "@controlnet-js/text-encoder";
import { unetConfigToDiffusers, unetKeyRows } from "@controlnet-js/unet";
import { type Pipeline, type TextModel, unetTask } from "../pipeline.js";
import { modelIndex } from "./model-index.js";

/** How to save a pipeline. */
export interface SavePipelineOptions {
  /** The type to write. Default `F32`. */
  dtype?: FloatDType;
}

/**
 * Saves a pipeline as diffusers' `StableDiffusionPipeline.from_pretrained` reads it. It is written aside and renamed, so
 * that `folder` is always whole, the old or the new; the metadata goes into the header of the U-Net's weights. A text encoder
 * or tokenizer that the model was opened without is named as lacking.
 * @throws ControlNetError `io` where the disk is full or `folder` holds other things than a pipeline
 */
export async function savePipeline(
  folder: string,
  pipeline: Pipeline,
  { dtype = "F32" }: SavePipelineOptions = {},
): Promise<void> {
  const { text, unet, autoencoder, scheduler } = pipeline;
  const hasEncoder = !text.absent;
  const hasTokenizer = hasEncoder && Object.keys(text.vocabulary.tokens).length > 0;
  await replaceFolder(
    folder,
    { isPart: (name) => pipelineParts.includes(name), where: "savePipeline", what: "pipeline" },
    async (aside) => {
      await saveModelFolder(
        join(aside, "unet"),
        unetConfigToDiffusers(unet.config),
        exportTree(unet.params, unetKeyRows(unet.config, "diffusers"), {
          dtype,
          where: "savePipeline: U-Net",
        }),
        { metadata: metadataEntries(pipeline.metadata) },
      );
      await saveModelFolder(
        join(aside, "vae"),
        autoencoderConfigToDiffusers(autoencoder.config),
        exportTree(autoencoder.params, autoencoderKeyRows(autoencoder.config, "diffusers"), {
          dtype,
          where: "savePipeline: autoencoder",
        }),
      );
      if (hasEncoder)
        await saveModelFolder(
          join(aside, "text_encoder"),
          textConfig(text),
          exportTree(text.params, textEncoderKeyRows(text.config, "transformers"), {
            dtype,
            where: "savePipeline: text encoder",
          }),
          { baseName: "model" },
        );
      if (hasTokenizer) await saveTokenizer(join(aside, "tokenizer"), text);
      await mkdir(join(aside, "scheduler"));
      await writeFile(join(aside, "scheduler", "scheduler_config.json"), writeSchedulerConfig(scheduler));
      const index = modelIndex({
        task: unetTask(pipeline) ?? "paint",
        scheduler: scheduler.json._class_name,
        unet: true,
        autoencoder: true,
        textEncoder: hasEncoder,
        tokenizer: hasTokenizer,
        controlNet: false,
      });
      await writeConfig(aside, index, "model_index.json");
    },
  );
}

/**
 * transformers 5 wants a float in `initializer_factor`, which JSON here can't tell from an integer; 1 is its default.
 * The class is CLIPTextModel even where the file keeps a projection: diffusers takes a text encoder's first output, which
 * of a CLIPTextModelWithProjection is one vector for the whole text.
 */
function textConfig({ config, tokenizer }: TextModel): Record<string, unknown> {
  const { initializer_factor: _, ...json } = textEncoderConfigToTransformers(config, tokenizer);
  return { ...json, architectures: ["CLIPTextModel"] };
}

const pipelineParts: readonly string[] = [
  "model_index.json",
  "unet",
  "vae",
  "text_encoder",
  "tokenizer",
  "scheduler",
  "README.md",
];

async function saveTokenizer(folder: string, { tokenizer, vocabulary }: TextModel): Promise<void> {
  const { vocabJson, mergesTxt } = formatVocabulary(vocabulary);
  const nameOf = (token: number) =>
    Object.keys(vocabulary.tokens).find((name) => vocabulary.tokens[name] === token);
  const special = {
    bos_token: nameOf(tokenizer.startToken),
    eos_token: nameOf(tokenizer.endToken),
    pad_token: nameOf(tokenizer.padToken),
    unk_token: nameOf(tokenizer.endToken),
  };
  await mkdir(folder);
  await writeFile(join(folder, "vocab.json"), vocabJson);
  await writeFile(join(folder, "merges.txt"), mergesTxt);
  await writeConfig(folder, special, "special_tokens_map.json");
  await writeConfig(
    folder,
    {
      add_prefix_space: false,
      do_lower_case: true,
      errors: "replace",
      model_max_length: tokenizer.maxTokens,
      tokenizer_class: "CLIPTokenizer",
      ...special,
      added_tokens_decoder: Object.fromEntries(
        tokenizer.added.map(({ content, normalized = false }) => [
          vocabulary.tokens[content],
          {
            content,
            lstrip: false,
            normalized,
            rstrip: false,
            single_word: false,
            special: Object.values(special).includes(content),
          },
        ]),
      ),
    },
    "tokenizer_config.json",
  );
}
