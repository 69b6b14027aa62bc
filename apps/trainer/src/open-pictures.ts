import type { Dataset } from "@controlnet-js/data";
import { BATCH_SIDE } from "@controlnet-js/tinyworld";
import { print } from "./print.js";
import type { AutoencoderTrainConfig } from "./task-schemas.js";
import { openTinyworld } from "./tinyworld-dataset.js";

/** Captioned pictures without maps. */
export interface Pictures {
  train: Dataset;
  heldOut: Dataset;
  /** Sides of every picture, in pixels. */
  side: number;
}

/**
 * Renders the tinyworld scenes that a config of a task without maps names, with its held-out part.
 * @param lazy renders those to train on when they are read
 */
export async function openPictures(
  {
    data: { count, ...data },
    dataOptions: { heldOut, workers },
  }: Pick<AutoencoderTrainConfig, "data" | "dataOptions">,
  lazy = false,
): Promise<Pictures> {
  print(`Rendering ${lazy ? heldOut : count + heldOut} tinyworld scenes`);
  const processes = workers !== undefined && { workers };
  const train = await openTinyworld({ ...data, count, lazy, ...processes });
  const pictures: Pictures = {
    train,
    heldOut: await openTinyworld({ ...data, count: heldOut, heldOut: true, ...processes }),
    side: BATCH_SIDE,
  };
  print(`Data: ${train.describe()}; ${heldOut} held out`);
  return pictures;
}
