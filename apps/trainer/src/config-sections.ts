import { WORLDS } from "@controlnet-js/tinyworld";
import { schedules } from "@controlnet-js/training";
import * as z from "zod";

/** A whole number from 1. */
export const count = z.number().int().positive();
/** A whole number from 0. */
export const countFromZero = z.number().int().nonnegative();
/** A part of a whole, 0 to 1. */
export const fraction = z.number().min(0).max(1);

/** `data: { kind: tinyworld }`: scenes rendered on the spot. */
export const tinyworldSchema = z.strictObject({
  kind: z.literal("tinyworld"),
  count: count.default(2000),
  seed: countFromZero.default(1),
  /** 1, the default, frames its main object, and the shipped weights know it; 2 puts everything anywhere. */
  world: z.literal(WORLDS).optional(),
  /** Part of world 2's scenes drawn with a pencil. Default 0. */
  pencil: fraction.optional(),
});

/** What every task's `dataOptions` holds. */
export const dataOptions = {
  /** Samples never trained on. */
  heldOut: count.default(64),
  /** Pictures that may be left out because they can't be read; more of them end the run. */
  maxSkipped: countFromZero.default(20),
  /** Processes that decode or render; 0: none but this one. Default: by the machine's cores. */
  workers: z.number().int().min(0).max(16).optional(),
};

/** What every task's `training` holds. */
export const training = {
  steps: count.default(4000),
  /** Pictures of a batch, in each process. */
  batchSize: count.default(4),
  /** Batches averaged into one step. */
  accumulate: count.default(1),
  learningRate: z.number().positive().default(1e-5),
  warmUpSteps: countFromZero.default(100),
  /** The learning rate after the warm-up. */
  schedule: z.enum(Object.keys(schedules) as (keyof typeof schedules)[]).default("constant"),
  /** Where a linear or cosine schedule ends, as a part of `learningRate`. */
  finalFraction: fraction.default(0.05),
  weightDecay: z.number().nonnegative().default(1e-2),
  beta2: z.number().min(0).lt(1).default(0.999),
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  clipNorm: z
    .number()
    .nonnegative()
    .default(1)
    .transform((norm) => norm || Number.POSITIVE_INFINITY),
  /** Of the parameters' moving average, which is what is then published; 0 keeps none. */
  emaDecay: z.number().min(0).lt(1).default(0),
  /** Arithmetic of convolutions and matrix products on the native engine; float16 scales the loss. */
  precision: z.enum(["float32", "bfloat16", "float16"]).default("float32"),
  seed: countFromZero.default(0),
};

/** What the `training` of a task with a U-Net holds besides. */
export const unetTraining = {
  /** Keeps the inputs of the U-Net's blocks only and runs each block again in the backward pass: less memory. */
  gradientCheckpointing: z.boolean().default(false),
  /** Memory that latents and embeddings may be kept in, in each process. Default: a quarter of what is free. */
  cacheGigabytes: z.number().nonnegative().optional(),
  /** A folder that keeps latents and embeddings for later runs and other processes, in half precision. Default: none. */
  cacheFolder: z.string().optional(),
  /** Bounds the weight of easy timesteps at this signal-to-noise ratio (5 in the paper); 0 weighs all the same. */
  minSnr: z.number().nonnegative().default(0),
};

/** What every task's `validation` holds. */
export const validation = {
  /** Steps from one validation to the next; 0 validates never. */
  every: countFromZero.default(200),
  /** Held-out samples measured. */
  samples: count.default(32),
  /** Held-out samples shown at every `imagesEvery`-th step; 0 shows none. */
  images: countFromZero.default(4),
  imagesEvery: count.default(1000),
};

/** How pictures of a validation are sampled. */
export const sampling = {
  samplingSteps: count.default(20),
  guidance: z.number().min(1).default(9),
};

/** Sections that are the same in every task. */
export const shared = {
  /** Steps from one checkpoint to the next, 0 saves at the end only; how many of the newest stay. */
  checkpoints: z.strictObject({ every: countFromZero.default(500), keep: count.default(2) }).prefault({}),
  /** Where the run goes. */
  output: z.string(),
};
