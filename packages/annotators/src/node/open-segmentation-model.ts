import { ControlNetError, type Image } from "@controlnet-js/core";
import { type LabelMap, resizePlane, type SegmentationNetwork } from "@controlnet-js/preprocessors";
import { type Opened, opened } from "../opened.js";
import { type LibraryTensor, openLibraryModel, type TransformersOptions } from "./open-transformers.js";

/** Models that give a logit for each class and pixel. */
const KINDS = ["segformer", "mobilenet_v2", "swin", "sapiens"];

/**
 * Opens a semantic segmentation model of the Hugging Face hub, such as SegFormer, for `segmentationCondition`. Its classes
 * have to be those of the condition's palette: ADE20K's 150, or COCO's.
 * @param folder its local files: `config.json`, `preprocessor_config.json`, `onnx/model.onnx`
 * @throws ControlNetError `io`, `unsupported` or `format` naming the folder, `missing` without `@huggingface/transformers`
 */
export async function openSegmentationModel(
  folder: string,
  options: TransformersOptions = {},
): Promise<Opened<SegmentationNetwork>> {
  const model = await openLibraryModel(
    "openSegmentationModel",
    folder,
    "AutoModelForSemanticSegmentation",
    KINDS,
    options,
  );
  const detect = async (picture: Image): Promise<LabelMap> => {
    const { logits } = await model.run(picture);
    if (logits?.dims.length !== 4)
      throw new ControlNetError(
        "unsupported",
        `openSegmentationModel: ${folder}: expected logits [1, classes, height, width], found ${logits ? `[${logits.dims.join(", ")}]` : "none"}`,
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
