import type { Condition, Image } from "@controlnet-js/core";
import {
  type Dataset,
  identityOf,
  openImageFolder,
  openJsonLines,
  splitDataset,
  withHoles,
} from "@controlnet-js/data";
import type { TrainingCondition } from "./conditions/training-condition.js";
import type { ControlTrainConfig } from "./task-schemas.js";
import { openTinyworld } from "./tinyworld-dataset.js";
import { sceneMaps } from "./tinyworld-maps.js";

/** What is trained on and what is not. */
export interface OpenData {
  train: Dataset;
  heldOut: Dataset;
  close(): Promise<void>;
}

/** Opens the data that a config names, with its held-out part. */
export async function openData(
  config: ControlTrainConfig,
  named: TrainingCondition,
  onIncident: (message: string) => void,
): Promise<OpenData> {
  if (named.condition.name === "inpaint") return withDrawnHoles(config, named, onIncident);
  return openPlain(config, named, onIncident);
}

/** Inpainting's maps are the pictures themselves, with a hole that is drawn into each. */
async function withDrawnHoles(
  config: ControlTrainConfig,
  named: TrainingCondition,
  onIncident: (message: string) => void,
): Promise<OpenData> {
  const detect = async (image: Image): Promise<Image> => image;
  const examine = async (image: Image) => ({ map: image, findings: {}, warnings: [] });
  const picture: Condition = { ...named.condition, prepare: detect, detect, examine };
  const opened = await openPlain(config, { ...named, condition: picture, source: picture }, onIncident);
  const { seed } = config.training;
  return {
    ...opened,
    train: withHoles(opened.train, { seed }),
    heldOut: withHoles(opened.heldOut, { seed }),
  };
}

async function openPlain(
  config: ControlTrainConfig,
  named: TrainingCondition,
  onIncident: (message: string) => void,
): Promise<OpenData> {
  const { data, dataOptions, conditionOptions } = config;
  const { condition } = named;
  const maps = condition.metadata(conditionOptions);
  const { width, height, workers, allowEmptyCaptions, followLinks } = dataOptions;
  if (data.kind === "tinyworld") {
    const { count, ...world } = data;
    const made = sceneMaps(condition, conditionOptions, named.detects);
    const shared = { ...world, maps: made, ...(workers !== undefined && { workers }) };
    const train = await openTinyworld({ ...shared, count });
    const heldOut = await openTinyworld({ ...shared, count: dataOptions.heldOut, heldOut: true });
    return { train: { ...marked(train, named), maps }, heldOut, close: async () => {} };
  }
  const shared = {
    condition: named.source,
    conditionOptions,
    size: { width, height },
    allowEmptyCaptions,
    followLinks,
    onIncident,
    ...(workers !== undefined && { workers }),
  };
  const dataset =
    data.kind === "json-lines"
      ? await openJsonLines(data.dir, { ...shared, file: data.file })
      : await openImageFolder(data.dir, {
          ...shared,
          ...(data.captions && { captions: data.captions }),
        });
  const parts = splitDataset(dataset, {
    heldOut: { count: dataOptions.heldOut },
    seed: config.training.seed,
  });
  return {
    train: marked(parts.train, named),
    heldOut: parts.heldOut,
    close: () => dataset.close(),
  };
}

/** A dataset that is another one where its maps are made otherwise. */
const marked = (dataset: Dataset, { marks }: TrainingCondition): Dataset =>
  Object.keys(marks).length === 0
    ? dataset
    : { ...dataset, identity: `${identityOf(dataset)}, maps by ${JSON.stringify(marks)}` };
