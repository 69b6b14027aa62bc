import { type LoadOptions, loadTree, type TensorSource } from "@controlnet-js/checkpoints";
import type { UNetKeys } from "@controlnet-js/unet";
import type { ControlNetConfig } from "./config.js";
import { controlNetKeyRows } from "./keys.js";
import type { ControlNet, ControlNetParams } from "./params.js";

/**
 * Loads a ControlNet from a file in either form of names. The caller disposes it with `disposeTree`.
 * @throws as checkpoints' `loadTree`: `format` listing keys that don't fit, `data` for NaN weights
 */
export function loadControlNet(
  source: TensorSource,
  config: ControlNetConfig,
  keys: UNetKeys,
  options: LoadOptions = {},
): ControlNet {
  const params = loadTree<ControlNetParams>(source, controlNetKeyRows(config, keys), options);
  // A hint encoder of one width has no blocks, and a list without tensors leaves no trace in a file.
  params.hint.blocks ??= [];
  return { params, config };
}
