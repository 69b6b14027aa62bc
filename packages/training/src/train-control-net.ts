import { type Autoencoder, downscaling } from "@controlnet-js/autoencoder";
import { type ControlNet, type ControlNetParams, hintDownscaling } from "@controlnet-js/controlnet";
import { ControlNetError } from "@controlnet-js/core";
import { type Dataset, splitDataset } from "@controlnet-js/data";
import { saveControlNet } from "@controlnet-js/models/node";
import type { NoiseSchedule } from "@controlnet-js/samplers";
import type { TextEncoder, Tokenizer } from "@controlnet-js/text-encoder";
import type { UNet } from "@controlnet-js/unet";
import { type CacheOptions, openCaches } from "./caches.js";
import { assertPaints, controlTask } from "./control-task.js";
import type { NoisingOptions } from "./diffusion-batch.js";
import type { ControlBatch, LossOptions } from "./losses.js";
import { runTraining } from "./run-training.js";
import type { TrainingListener, TrainingOptions, TrainingResult } from "./training-options.js";
import type { TrainingTask, ValidationReport } from "./training-task.js";

/** The base model that a ControlNet is trained on, which stays as it is: a pipeline as `openPipeline` gives it. */
export interface BaseModel {
  unet: UNet;
  autoencoder: Autoencoder;
  text: TextEncoder & { tokenizer: Tokenizer };
  schedule: NoiseSchedule;
  /** What people call it; kept with the ControlNet beside its hash. */
  name?: string;
}

/** What a ControlNet is trained on and for. */
export interface ControlTrainingOptions extends CacheOptions, LossOptions, Pick<NoisingOptions, "minSnr"> {
  base: BaseModel;
  /** As it is at step 0; see {@link trainControlNet} for what becomes of it. */
  net: ControlNet;
  data: Dataset;
  /**
   * What is never trained on, to ask whether the hint is used: so many samples of `data`, or other data. Default: a tenth of
   * `data`, 2 to 16 samples, and none of fewer than 4.
   */
  heldOut?: number | Dataset;
  /** How many held-out samples a validation asks. Default 16. */
  validationSamples?: number;
  /** Samples of a batch, in each process. Default 4. */
  batchSize?: number;
  /** Of the split, of shuffling and of every draw. Default 0. */
  seed?: number;
  /** Part of the prompts replaced with the empty string. Default 0.5, as in the paper (section 3.3). */
  promptDropping?: number;
}

/** What {@link runTraining} takes to train a ControlNet. `dispose` ends the caches; the models and data are the caller's. */
export interface ControlTraining {
  task: TrainingTask<ControlNetParams, ControlBatch>;
  /** What is trained on: `data` without the held-out part. */
  train: Dataset;
  dispose(): void;
}

/** Options of {@link trainControlNet}: what is trained, and how the run goes. */
export interface TrainControlNetOptions
  extends Omit<TrainingOptions, "batchSize" | "group">,
    ControlTrainingOptions {
  /** Where checkpoints go; the `model` in each is the ControlNet as it then is, as `saveControlNet` writes it. */
  folder: string;
  /** Validate after every so many steps, and before the first; 0 never. Default 200. */
  validateEvery?: number;
  /** Save after every so many steps and at the end; 0 only at the end. Default 500. */
  saveEvery?: number;
}

/** How a training ended. */
export interface TrainedControlNet extends Omit<TrainingResult<ControlNetParams>, "params"> {
  /**
   * What the last validation measured: `loss_right_map` and `loss_wrong_map` on held-out samples, `hint_gain` (see
   * {@link hintUse}) and `link_norm`. Absent without one.
   */
  report?: ValidationReport;
}

/**
 * Trains a ControlNet on a locked base model: the same steps as {@link runTraining} on {@link controlTask}, with caches,
 * held-out samples and checkpoints made for it. Afterwards `net.params` are the trained parameters, the average (EMA) where
 * one is kept; the tensors from before are gone. The caller disposes `net` and `base`, and closes `data`. After an error
 * within a step `net` holds nothing any more: make it anew, and resume.
 *
 * Killed, the same call with `resume: true` goes on from the newest checkpoint, to the same bits as a run without a break.
 * @throws ControlNetError as {@link runTraining}; `config` for a net, base and data that don't belong together; `unsupported`
 * for a base that takes more than noise
 */
export async function trainControlNet(
  options: TrainControlNetOptions,
  listener: TrainingListener = {},
): Promise<TrainedControlNet> {
  const { net } = options;
  const { task, train, dispose } = await openControlTraining(options, (message) => listener.noted?.(message));
  try {
    let report: ValidationReport | undefined;
    const { validate } = task;
    const measured: typeof task = {
      ...task,
      ...(validate && { validate: async (...given) => (report = await validate(...given)) }),
    };
    const defaults = { batchSize: 4, validateEvery: 200, saveEvery: 500 };
    const { params, ...result } = await runTraining(measured, train, { ...defaults, ...options }, listener);
    Object.assign(net, { params });
    return { ...result, ...(report && { report }) };
  } finally {
    dispose();
  }
}

/**
 * Prepares the training of a ControlNet: splits the data, opens the caches and makes the task, whose `publish` saves the
 * ControlNet with the condition, base and step that it was trained with.
 * @param tell gets what is worth knowing beforehand
 * @throws ControlNetError `config` and `unsupported` as {@link trainControlNet}; `io` for the cache folder
 */
export async function openControlTraining(
  options: ControlTrainingOptions,
  tell?: (message: string) => void,
): Promise<ControlTraining> {
  const { heldOut: asked, ...given } = options;
  const { base, net, data, seed = 0, batchSize = 4, promptDropping = 0.5, validationSamples = 16 } = given;
  assertFits(options);
  const { train, heldOut } = parts(data, asked, seed);
  const { latents, texts, dispose } = await openCaches(base, train, options, tell);
  const task = controlTask({
    ...given,
    locked: base.unet,
    latents,
    texts,
    schedule: base.schedule,
    scalingFactor: base.autoencoder.config.scalingFactor,
    seed,
    promptDropping,
    ...(heldOut && { heldOut }),
    validationSamples,
    batchSize: Math.min(batchSize, heldOut?.size ?? batchSize),
    publish: (params, folder, step) =>
      saveControlNet(folder, { ...net, params }, { base, metadata: { ...data.maps, step } }),
  });
  return {
    task,
    train,
    dispose() {
      task.dispose();
      dispose();
    },
  };
}

/** What is trained on and what is held out. */
function parts(
  data: Dataset,
  heldOut: number | Dataset | undefined,
  seed: number,
): { train: Dataset; heldOut: Dataset | undefined } {
  if (typeof heldOut === "object") return { train: data, heldOut };
  const tenth = data.size < 4 ? 0 : Math.min(16, Math.max(2, Math.ceil(data.size / 10)));
  const count = heldOut ?? tenth;
  if (count === 0) return { train: data, heldOut: undefined };
  return splitDataset(data, { heldOut: { count }, seed });
}

/** Refuses what can't be trained together before anything is encoded. */
function assertFits({ base, net, data }: ControlTrainingOptions): void {
  const { latentChannels } = base.autoencoder.config;
  assertPaints(base.unet, latentChannels);
  const refuse = (message: string): never => {
    throw new ControlNetError("config", `trainControlNet: ${message}`);
  };
  const { hintChannels, unet } = net.config;
  if (data.maps && data.maps.channels !== hintChannels)
    refuse(
      `the maps of condition "${data.maps.condition}" have ${data.maps.channels} channels, the ControlNet takes ` +
        `${hintChannels}: make it by createControlNet(base.unet, { hintChannels: ${data.maps.channels} })`,
    );
  const [hint, latent] = [hintDownscaling(net.config), downscaling(base.autoencoder.config)];
  if (hint !== latent)
    refuse(
      `the ControlNet makes maps ${hint} times smaller, the autoencoder pictures ${latent} times; give createControlNet ` +
        `${Math.log2(latent) + 1} hintWidths`,
    );
  const own = ["channels", "contextChannels", "inChannels"] as const;
  for (const key of own)
    if (String(unet[key]) !== String(base.unet.config[key]))
      refuse(
        `the ControlNet was made for a U-Net whose ${key} are ${unet[key]}, those of this base are ${base.unet.config[key]}; ` +
          "make it by createControlNet(base.unet), or open the base that it belongs to",
      );
}
