import type { NetworkLook } from "@controlnet-js/core";
import { assertDetects, canDetect, readConfigWeights, weightsKey } from "../networks/network-weights.js";
import type { ControlTrainConfig } from "../task-schemas.js";
import { isExact } from "../tinyworld-maps.js";
import { marksOf } from "./marks.js";
import { giveNetwork, type NamedCondition, openCondition } from "./open-condition.js";

/** The condition of a training run. */
export interface TrainingCondition extends NamedCondition {
  /** Whether it can make maps of pictures; without its network a condition only says what its maps are. */
  detects: boolean;
  /** What made the maps, where they are made of pictures: a run is resumed with the same ones only. */
  marks: Awaited<ReturnType<typeof marksOf>>;
}

/**
 * Opens the condition that a config names, with its network where there are `weights`. The selected engine runs the
 * network, once for the whole run: datasets let worker processes decode pictures and compute such a condition's maps
 * here.
 * @throws ControlNetError `missing` where maps are to be made of pictures and the weights for it are lacking, `config` for
 * weights that the condition does not take; as `openCondition`
 */
export async function openTrainingCondition(config: ControlTrainConfig): Promise<TrainingCondition> {
  const { condition: name, conditionOptions, data, detectResolution } = config;
  const plain = await openCondition(name);
  // Pictures come at the size that they are trained at, and a network sees that, as with `detect --size`.
  const look: NetworkLook =
    detectResolution === undefined ? { sized: true } : { resolution: detectResolution };
  const network =
    config.weights === undefined
      ? undefined
      : { weights: readConfigWeights(plain.condition, config.weights), look };
  const opened = await giveNetwork(plain, network);
  const { options } = opened.condition.metadata(conditionOptions);
  const madeFromPictures = data.kind === "image-folder" || (data.kind === "tinyworld" && !isExact(name));
  if (madeFromPictures) assertDetects(opened.condition, options, weightsKey);
  return {
    ...opened,
    detects: canDetect(opened.condition, options),
    marks: madeFromPictures ? await marksOf(name, network) : {},
  };
}
