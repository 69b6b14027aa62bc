import { ControlNetError, type Image } from "@controlnet-js/core";
import { type LabelMap, resizePlane, type SegmentationNetwork } from "@controlnet-js/preprocessors";
import { type Opened, opened } from "../opened.js";
import { modelTypeOf } from "./hugging-face-folder.js";
import { type LibraryTensor, openLibraryModel, type TransformersOptions } from "./open-transformers.js";
import { openUperNet } from "./open-upernet.js";

const WHERE = "openSegmentationModel";

/** Models that give a logit for each class and pixel; UPerNet, which the library lacks, is this package's own. */
const KINDS = ["upernet", "segformer", "mobilenet_v2", "swin", "sapiens"];

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
  const model = await openLibraryModel(WHERE, folder, "AutoModelForSemanticSegmentation", KINDS, options);
  const detect = async (picture: Image): Promise<LabelMap> => {
    const { logits } = await model.run(picture);
    if (logits?.dims.length !== 4)
      throw new ControlNetError(
        "unsupported",
        `${WHERE}: ${folder}: expected logits [1, classes, height, width], found ${logits ? `[${logits.dims.join(", ")}]` : "none"}`,
      );
    return likeliest(logits, picture.width, picture.height);
  };
  return opened(detect, () => void model.dispose());
}

/** The class with the largest logit at each pixel, after the logits were enlarged (bilinear). */
function likeliest({ dims, data }: LibraryTensor, width: number, height: number): LabelMap {
  const [, classes, rows, columns] = dims as [number, number, number, number];
  const labels = new Int32Array(width * height);
  const best = new Float32Array(width * height).fill(Number.NEGATIVE_INFINITY);
  const size = rows * columns;
  for (let label = 0; label < classes; label++) {
    const values = Float32Array.from({ length: size }, (_, i) => data[label * size + i]!);
    const plane = resizePlane(
      { data: values, width: columns, height: rows, channels: 1 },
      width,
      height,
      "bilinear",
    );
    for (let i = 0; i < labels.length; i++)
      if (plane.data[i]! > best[i]!) {
        best[i] = plane.data[i]!;
        labels[i] = label;
      }
  }
  return { labels, width, height };
}
