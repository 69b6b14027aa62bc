import { ControlNetError } from "@controlnet-js/core";
import type { Json } from "./parse-json.js";
import { type PictureProcessor, type ProcessorDefaults, pictureProcessor } from "./picture-processor.js";

const imageNet = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
} satisfies Partial<ProcessorDefaults>;
const halves = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } satisfies Partial<ProcessorDefaults>;
const square = (side: number) => ({ width: side, height: side });

/** The image processors of the models that see depth or classes, and what each does where its config says nothing. */
const processors = {
  SegformerImageProcessor: { size: square(512), resample: 2, ...imageNet },
  DPTImageProcessor: { size: square(384), resample: 3, ...halves, isDpt: true },
  BeitImageProcessor: { size: square(224), resample: 3, ...halves, crop: { ...square(224), unasked: false } },
  ViTImageProcessor: { size: square(224), resample: 2, ...halves },
  MobileNetV2ImageProcessor: {
    size: { shortestEdge: 256 },
    sideAlone: "shortest",
    resample: 2,
    ...halves,
    crop: { ...square(224), unasked: true },
  },
  // Of transformers.js alone; its files say everything.
  SapiensImageProcessor: { size: { width: 768, height: 1024 }, resample: 2, ...imageNet },
} satisfies Record<string, ProcessorDefaults>;

/** A processor's name in {@link processors}. */
export type SceneProcessorName = keyof typeof processors;

/**
 * Reads the image processor's config of a model that sees depth or classes.
 * @param where the file, named in errors
 * @param usual the processor of such models where the config names none
 * @throws ControlNetError `unsupported` for another processor, or naming each step that is not built
 */
export function sceneProcessor(where: string, json: Json, usual: SceneProcessorName): PictureProcessor {
  const given = json.image_processor_type ?? json.feature_extractor_type ?? usual;
  // Older files name feature extractors, newer ones the variant for tensors.
  const name = String(given)
    .replace(/FeatureExtractor$/, "ImageProcessor")
    .replace(/(Fast|Pil)$/, "");
  if (Object.hasOwn(processors, name))
    return pictureProcessor(where, json, processors[name as SceneProcessorName]);
  throw new ControlNetError(
    "unsupported",
    `${where}: image processor "${given}" is not built; expected one of ${Object.keys(processors).join(", ")}`,
  );
}
