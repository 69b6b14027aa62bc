import type { TensorSource } from "@controlnet-js/checkpoints";
import { disposeTree } from "@controlnet-js/core";
import type { ByteImage, LabelMap, SegmentationNetwork } from "@controlnet-js/preprocessors";
import type { Json } from "../hugging-face/parse-json.js";
import { processPicture } from "../hugging-face/picture-processor.js";
import { sceneProcessor } from "../hugging-face/scene-processors.js";
import { type Opened, opened } from "../opened.js";
import { readMaps } from "../pictures.js";
import { uperNetConfigFromTransformers } from "./config.js";
import { likeliestLabels } from "./likeliest-labels.js";
import { step } from "./step.js";
import { loadUperNet, uperNet } from "./upernet.js";

/** A UPerNet as transformers publishes it. */
export interface UperNetFiles {
  /** `config.json` */
  config: Json;
  /** `preprocessor_config.json` */
  preprocessor: Json;
  /** `model.safetensors` or `pytorch_model.bin` */
  weights: TensorSource;
}

/**
 * UPerNet as `segmentationCondition` takes it, such as ControlNet's `upernet-convnext-small`, whose classes
 * are ADE20K's 150: the class of each pixel as transformers finds it.
 * @param where named in errors, e.g. the folder
 * @throws ControlNetError `unsupported` for what is not built, such as a ResNet as the backbone, and for another network's
 * weights; `format` for incomplete ones
 */
export function uperNetNetwork(
  { config: json, preprocessor, weights }: UperNetFiles,
  where = "uperNetNetwork",
): Opened<SegmentationNetwork> {
  const config = uperNetConfigFromTransformers(`${where}: config.json`, json);
  const processor = sceneProcessor(
    `${where}: preprocessor_config.json`,
    preprocessor,
    "SegformerImageProcessor",
  );
  const params = loadUperNet(weights, config, where);
  const detect = async (picture: ByteImage): Promise<LabelMap> => {
    const input = processPicture("uperNetNetwork", picture, processor);
    const [, height, width] = input.shape;
    const logits = await readMaps(step([input], () => uperNet(params, config, input)));
    return likeliestLabels(logits, [{ width, height }, picture]);
  };
  return opened(detect, () => disposeTree(params));
}
