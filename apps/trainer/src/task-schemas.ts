import * as z from "zod";
import { namedByUser } from "./conditions/condition-name.js";
import {
  count,
  countFromZero,
  dataOptions,
  fraction,
  sampling,
  shared,
  tinyworldSchema,
  training,
  unetTraining,
  validation,
} from "./config-sections.js";

const dataSchema = z.discriminatedUnion("kind", [
  tinyworldSchema,
  z.strictObject({ kind: z.literal("json-lines"), dir: z.string(), file: z.string().default("prompt.json") }),
  z.strictObject({
    kind: z.literal("image-folder"),
    dir: z.string(),
    captions: z.enum(["text-files", "metadata"]).optional(),
  }),
]);

const controlSchema = z
  .strictObject({
    task: z.literal("controlnet"),
    /** `"tinyworld"`, or the folder of a diffusers pipeline. */
    base: z.string().default("tinyworld"),
    /** A built-in condition's name, or the path of a module that exports one, whose code is run. */
    condition: z.string().default("canny").transform(namedByUser),
    conditionOptions: z.record(z.string(), z.unknown()).default({}),
    /** The files of a built-in condition's network: its main part's path, or a path for each part. */
    weights: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
    /** Short side of a picture as that network sees it, in pixels. Default `"picture"`: as it is trained on. */
    detectResolution: z.union([z.int().min(64).max(4096), z.literal("picture")]).optional(),
    /** Widths of the hint encoder; each after the first halves the side. Default: Stable Diffusion's. */
    hintWidths: z.array(count).min(1).default([16, 32, 96, 256]),
    /** Whether residuals are averaged over the picture, so that the map conveys content, not layout: for `shuffle`. */
    globalPooling: z.boolean().default(false),
    /** The order in which the network sees a map's channels; `bgr` for nets of code that reads pictures by OpenCV. */
    channelOrder: z.enum(["rgb", "bgr"]).default("rgb"),
    data: dataSchema,
    dataOptions: z
      .strictObject({
        ...dataOptions,
        /** Sides of pictures and maps, in pixels. */
        width: count.default(512),
        height: count.default(512),
        allowEmptyCaptions: z.boolean().default(false),
        /** Whether links in the data's folder may lead out of it, and folders behind links count. */
        followLinks: z.boolean().default(false),
      })
      .prefault({}),
    training: z
      .strictObject({
        ...training,
        ...unetTraining,
        /** Part of the prompts replaced with the empty string. */
        promptDropping: fraction.default(0.5),
        /** End once the hint was used in this many validations in a row; 0 trains all steps. */
        stopAfterConvergence: countFromZero.default(0),
      })
      .prefault({}),
    validation: z.strictObject({ ...validation, ...sampling }).prefault({}),
    ...shared,
  })
  .refine(({ training, validation }) => training.stopAfterConvergence === 0 || validation.every > 0, {
    path: ["training", "stopAfterConvergence"],
    message: "needs validations, but validation.every is 0: set it to a number of steps",
  })
  .refine(({ condition, data }) => condition !== "inpaint" || data.kind !== "json-lines", {
    path: ["data", "kind"],
    message: "holes are drawn for condition inpaint, into pictures: expected image-folder or tinyworld",
  });

const autoencoderSchema = z.strictObject({
  task: z.literal("autoencoder"),
  data: tinyworldSchema,
  dataOptions: z.strictObject(dataOptions).prefault({}),
  /** The shape of the autoencoder. */
  model: z
    .strictObject({
      /** Channels of each level, the finest first; each level but the last halves the sides. */
      channels: z.array(count).min(1).default([16, 32, 64, 128]),
      latentChannels: count.default(4),
      blocksPerLevel: count.default(1),
      groups: count.default(8),
    })
    .prefault({}),
  /** Weights of the loss beside L1. */
  loss: z
    .strictObject({
      squared: z.number().nonnegative().default(5),
      edges: z.number().nonnegative().default(0.5),
      kl: z.number().nonnegative().default(1e-7),
    })
    .prefault({}),
  training: z.strictObject(training).prefault({}),
  validation: z.strictObject(validation).prefault({}),
  ...shared,
});

const textToImageSchema = z.strictObject({
  task: z.literal("text-to-image"),
  /** The folder of an AutoencoderKL, such as the autoencoder task publishes. */
  autoencoder: z.string(),
  data: tinyworldSchema,
  dataOptions: z.strictObject(dataOptions).prefault({}),
  /** The shape of the U-Net; its context is as wide as the text encoder. */
  unet: z
    .strictObject({
      /** Channels of each level, the finest first. */
      channels: z.array(count).min(1).default([64, 128, 192]),
      blocksPerLevel: count.default(2),
      attention: z.array(z.boolean()).default([true, true, false]),
      heads: z.array(count).default([2, 4, 6]),
      groups: count.default(32),
    })
    .prefault({}),
  /** The shape of the text encoder and its tokenizer. */
  text: z
    .strictObject({
      /** At most so many tokens are learnt from the captions' words. */
      vocabularySize: z.number().int().min(514).default(900),
      maxTokens: count.default(32),
      hiddenSize: count.default(128),
      feedForwardSize: count.default(512),
      heads: count.default(4),
      layers: count.default(3),
    })
    .prefault({}),
  training: z
    .strictObject({
      ...training,
      ...unetTraining,
      promptDropping: fraction.default(0.1),
    })
    .prefault({}),
  validation: z
    .strictObject({
      ...validation,
      ...sampling,
      /** Held-out captions painted to ask how often the main object's colour is right; at least `images`. */
      colourSamples: countFromZero.default(64),
    })
    .prefault({}),
  ...shared,
});

/** What `controlnet train --config` reads: one schema a task. Every key has a default but `data` and `output`. */
export const trainConfigSchema = z.discriminatedUnion("task", [
  controlSchema,
  autoencoderSchema,
  textToImageSchema,
]);

/** A complete, checked training config of any task. */
export type TrainConfig = z.output<typeof trainConfigSchema>;
/** A config of `task: controlnet`. */
export type ControlTrainConfig = z.output<typeof controlSchema>;
/** A config of `task: autoencoder`. */
export type AutoencoderTrainConfig = z.output<typeof autoencoderSchema>;
/** A config of `task: text-to-image`. */
export type TextToImageTrainConfig = z.output<typeof textToImageSchema>;
