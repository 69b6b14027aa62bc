import { readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { type DepthNetwork, resizePlane } from "@controlnet-js/preprocessors";
import { type Opened, opened } from "../opened.js";
import { type LibraryModelKind, openLibraryModel, type TransformersOptions } from "./open-transformers.js";

/** Models whose output grows towards the camera, as `depthCondition` takes it; those that give metres don't. */
const KIND: LibraryModelKind = {
  loader: "AutoModelForDepthEstimation",
  types: ["dpt", "depth_anything"],
  processor: "DPTImageProcessor",
};

/**
 * Opens a depth model of the Hugging Face hub, Depth Anything or DPT (MiDaS), for `depthCondition` and `normalCondition`.
 * @param folder its local files: `config.json`, `preprocessor_config.json`, `onnx/model.onnx`
 * @throws ControlNetError `io`, `unsupported` or `format` naming the folder, `missing` without `@huggingface/transformers`
 */
export async function openDepthModel(
  folder: string,
  options: TransformersOptions = {},
): Promise<Opened<DepthNetwork>> {
  assertRelative(folder);
  const model = await openLibraryModel("openDepthModel", folder, KIND, options);
  const detect = async (picture: Image): Promise<Image<Float32Array>> => {
    const { predicted_depth: depth } = await model.run(picture);
    const [height, width] = depth?.dims.slice(-2) ?? [];
    if (!depth || !height || !width || depth.data.length !== height * width)
      throw new ControlNetError(
        "unsupported",
        `openDepthModel: ${folder}: expected predicted_depth [1, height, width], found ${depth ? `[${depth.dims.join(", ")}]` : "none"}`,
      );
    const plane = { data: Float32Array.from(depth.data), width, height, channels: 1 };
    // As transformers brings it back to the picture's size.
    return resizePlane(plane, picture.width, picture.height, "cubic");
  };
  return opened(detect, () => void model.dispose());
}

/** Depth Anything says in its config what its numbers are. */
function assertRelative(folder: string): void {
  const { depth_estimation_type: type = "relative" } = readConfig(folder);
  if (type === "metric")
    throw new ControlNetError(
      "unsupported",
      `openDepthModel: ${folder} gives metres, which grow away from the camera; expected a model of relative depth`,
    );
}
