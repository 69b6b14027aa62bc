import { disposeTree } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import { savePipeline } from "@controlnet-js/models/node";
import { compilePipeline } from "@controlnet-js/pipeline";
import {
  createHeldOutLoss,
  loadAutoencoder,
  openCaches,
  type TextToImageParams,
  textToImageTask,
} from "@controlnet-js/training";
import { loadSamples } from "./load-samples.js";
import { openPictures } from "./open-pictures.js";
import { paintCaptions } from "./paint-captions.js";
import { print } from "./print.js";
import { type RunOutcome, runWithProgress, type TrainCommand } from "./run-with-progress.js";
import { startEngine } from "./start-engine.js";
import type { TextToImageTrainConfig } from "./task-schemas.js";
import { createTextToImageModel } from "./text-to-image-model.js";

/** Trains a U-Net and its text encoder on an autoencoder's latents, as a config says; the caller calls `dispose`. */
export async function trainTextToImage(
  command: TrainCommand<TextToImageTrainConfig>,
): Promise<RunOutcome<TextToImageParams> & { dispose(): void }> {
  const { config } = command;
  const { training, validation } = config;
  await startEngine(command.engine);
  const autoencoder = loadAutoencoder(config.autoencoder);
  const { train, heldOut, side } = await openPictures(config, training.cacheFolder !== undefined);
  const pipeline = createTextToImageModel(config, autoencoder, side);
  const withWeights = ({ unet, text }: TextToImageParams): Pipeline => {
    pipeline.unet = { ...pipeline.unet, params: unet };
    pipeline.text = { ...pipeline.text, params: text };
    return pipeline;
  };
  print(
    `Prompts replaced with the empty string in training: ${100 * training.promptDropping} % (training.promptDropping)`,
  );
  const { latents } = await openCaches({ autoencoder }, train, { ...training, group: command.group }, print);
  const parts = {
    models: { unet: pipeline.unet, text: pipeline.text },
    tokenizer: pipeline.text.tokenizer,
    latents,
    schedule: pipeline.schedule,
    scalingFactor: autoencoder.config.scalingFactor,
    seed: training.seed,
  };
  const loss = createHeldOutLoss({
    ...parts,
    heldOut,
    samples: validation.samples,
    batchSize: training.batchSize,
  });
  const task = textToImageTask({
    ...training,
    ...parts,
    validate: async (params, _step, signal) => ({ held_out_loss: await loss.measure(params, signal) }),
    publish: (params, folder, step) =>
      savePipeline(folder, { ...withWeights(params), metadata: { data: train.describe(), step } }),
  });
  const compiled = compilePipeline(pipeline);
  try {
    const painted = await loadSamples(heldOut, Math.max(validation.images, validation.colourSamples));
    const paint = (params: TextToImageParams, signal?: AbortSignal) => {
      withWeights(params);
      return paintCaptions(compiled, painted, {
        ...validation,
        shown: validation.images,
        seed: training.seed,
        batchSize: training.batchSize,
        signal,
      });
    };
    const outcome = await runWithProgress(command, {
      task,
      data: train,
      published: "pipeline",
      ...(painted.length > 0 && { paint }),
      paintedFigures: ["colour_right"],
      describe({ held_out_loss, colour_right }) {
        const quality = `held-out loss ${held_out_loss!.toFixed(4)}`;
        const colours =
          colour_right === undefined ? "" : `; ${(100 * colour_right).toFixed(0)} % of the colours are right`;
        return { bar: quality, line: quality + colours };
      },
    });
    return { ...outcome, dispose: () => disposeTree([outcome.params, autoencoder]) };
  } finally {
    compiled.dispose();
    loss.dispose();
    latents.dispose();
  }
}
