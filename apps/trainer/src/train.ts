import type { RunOutcome, TrainCommand } from "./run-with-progress.js";
import { trainAutoencoder } from "./train-autoencoder.js";
import { trainControl } from "./train-control.js";
import { trainTextToImage } from "./train-text-to-image.js";

/** What a training leaves behind; whoever called it calls `dispose`. */
export type Trained = Omit<RunOutcome<unknown>, "params"> & { dispose(): void };

/** Trains what a config says, with progress on stderr and everything else in `config.output`. */
export function train({ config, ...command }: TrainCommand): Promise<Trained> {
  switch (config.task) {
    case "controlnet":
      return trainControl({ config, ...command });
    case "autoencoder":
      return trainAutoencoder({ config, ...command });
    case "text-to-image":
      return trainTextToImage({ config, ...command });
  }
}
