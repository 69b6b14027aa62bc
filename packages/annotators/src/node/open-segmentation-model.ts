import { ControlNetError, type Image } from "@controlnet-js/core";
import type { LabelMap, SegmentationNetwork } from "@controlnet-js/preprocessors";
import { type Opened, opened } from "../opened.js";
import { likeliestLabels } from "../upernet/likeliest-labels.js";
import { modelTypeOf } from "./hugging-face-folder.js";
import {
  type LibraryModelKind,
  type LibraryTensor,
  openLibraryModel,
  type TransformersOptions,
} from "./open-transformers.js";
import { openUperNet } from "./open-upernet.js";

const WHERE = "openSegmentationModel";

/** Models that give a logit for each class and pixel; UPerNet, which the library lacks, is this package's own. */
const KIND: LibraryModelKind = {
  loader: "AutoModelForSemanticSegmentation",
  types: ["upernet", "segformer", "mobilenet_v2", "swin", "sapiens"],
  processor: "SegformerImageProcessor",
};

/**
 * Opens a semantic segmentation model of the Hugging Face hub for `segmentationCondition`: UPerNet from its
 * PyTorch files (`config.json`, `preprocessor_config.json`, `model.safetensors` or `pytorch_model.bin`), run on the current
 * engine; SegFormer and its like from ONNX (`config.json`, `preprocessor_config.json`, `onnx/model.onnx`). Its classes have
 * to be those of the condition's palette: ADE20K's 150, or COCO's.
 * @throws ControlNetError `io`, `missing`, `unsupported` or `format` naming the folder; `missing` where a model in ONNX
 * lacks `@huggingface/transformers`
 */
export async function openSegmentationModel(
  folder: string,
  options: TransformersOptions = {},
): Promise<Opened<SegmentationNetwork>> {
  if (modelTypeOf(WHERE, folder) === "upernet") return openUperNet(folder);
  const model = await openLibraryModel(WHERE, folder, KIND, options);
  const detect = async (picture: Image): Promise<LabelMap> => {
    const { logits } = await model.run(picture);
    if (logits?.dims.length !== 4)
      throw new ControlNetError(
        "unsupported",
        `${WHERE}: ${folder}: expected logits [1, classes, height, width], found ${logits ? `[${logits.dims.join(", ")}]` : "none"}`,
      );
    return likeliestLabels(channelsLast(logits), [picture]);
  };
  return opened(detect, () => void model.dispose());
}

/** Logits [1, classes, height, width] as a picture of as many channels. */
function channelsLast({ dims, data }: LibraryTensor): Image<Float32Array> {
  const [, channels, height, width] = dims as [number, number, number, number];
  const size = width * height;
  const values = new Float32Array(size * channels);
  for (let label = 0, at = 0; label < channels; label++)
    for (let i = 0; i < size; i++, at++) values[i * channels + label] = data[at]!;
  return { data: values, width, height, channels };
}
