import type { SegmentationNetwork } from "@controlnet-js/preprocessors";
import type { Opened } from "../opened.js";
import { uperNetNetwork } from "../upernet/upernet-network.js";
import { withHuggingFaceFolder } from "./hugging-face-folder.js";

/**
 * Opens UPerNet, such as `upernet-convnext-small`, for `segmentationCondition`.
 * @param folder `config.json`, `preprocessor_config.json` and the weights, `model.safetensors` or `pytorch_model.bin`,
 * whole or in shards
 * @throws ControlNetError `io`, `missing` or `format` naming the file that is not there or damaged, `unsupported` naming
 * what is not built or what the weights are of
 */
export const openUperNet = (folder: string): Opened<SegmentationNetwork> =>
  withHuggingFaceFolder(folder, (files) => uperNetNetwork(files, folder));
