import { type AutoencoderParams, autoencoderConfig } from "@controlnet-js/autoencoder";
import { disposeTree } from "@controlnet-js/core";
import { autoencoderTask, initialAutoencoder } from "@controlnet-js/training";
import { contactSheet } from "./contact-sheet.js";
import { loadSamples } from "./load-samples.js";
import { openPictures } from "./open-pictures.js";
import { type RunOutcome, runWithProgress, type TrainCommand } from "./run-with-progress.js";
import { startEngine } from "./start-engine.js";
import type { AutoencoderTrainConfig } from "./task-schemas.js";

/** Trains an autoencoder as a config says; the caller calls `dispose`. */
export async function trainAutoencoder(
  command: TrainCommand<AutoencoderTrainConfig>,
): Promise<RunOutcome<AutoencoderParams> & { dispose(): void }> {
  const { training, validation, model, loss, ...config } = command.config;
  await startEngine(command.engine);
  const { train, heldOut, side } = await openPictures(config);
  const shape = autoencoderConfig({ ...model, sampleSize: side });
  const task = autoencoderTask({
    autoencoder: initialAutoencoder(shape, training.seed),
    weights: loss,
    seed: training.seed,
    heldOut,
    validationSamples: validation.samples,
    batchSize: training.batchSize,
  });
  try {
    const shown = await loadSamples(heldOut, validation.images);
    const paint = async (params: AutoencoderParams) => {
      const restored = await task.restore(params, shown);
      const rows = shown.map(({ image, caption }, i) => ({ images: [image, restored[i]!], caption }));
      return { sheet: await contactSheet(["picture", "restored"], rows), figures: {} };
    };
    const outcome = await runWithProgress(command, {
      task,
      data: train,
      published: "autoencoder",
      ...(shown.length > 0 && { paint }),
      paintedFigures: [],
      describe({ psnr, l1, latent_deviation }) {
        const quality = `PSNR ${psnr!.toFixed(2)} dB`;
        return {
          bar: quality,
          line: `held-out ${quality}, L1 ${l1!.toFixed(4)}; the latents' deviation is ${latent_deviation!.toFixed(3)}`,
        };
      },
    });
    return { ...outcome, dispose: () => disposeTree(outcome.params) };
  } finally {
    task.dispose();
  }
}
