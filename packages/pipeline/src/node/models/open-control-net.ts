import { readModelMetadata, requirePart } from "@controlnet-js/checkpoints";
import type { ControlNetParams } from "@controlnet-js/controlnet";
import { ControlNetError } from "@controlnet-js/core";
import type { LoadedControlNet } from "../control-net-folder.js";
import { readMetadata } from "../metadata.js";
import { hintsFromLdm } from "./model-hints.js";
import { openModel } from "./open-model.js";
import { loadPart } from "./open-pipeline.js";
import { partModel } from "./part-model.js";

/** How to open a ControlNet. */
export interface OpenControlNetOptions {
  /** The original code's model yaml, parsed: what shapes don't tell of an unusual single file. */
  config?: unknown;
  /** Told what was found: kind and version, and what had to be assumed. */
  log?: (line: string) => void;
}

/**
 * Opens a ControlNet: a folder as diffusers has it, or a file (`.safetensors`, `.pth`, `.ckpt`) in either form of names,
 * alone or inside a whole model. The caller disposes its parameters with `disposeTree`.
 * @throws ControlNetError `unsupported` naming what the file is instead (a LoRA, a base model, SDXL), `format` listing
 * keys that don't fit, `config`, `io`
 */
export async function openControlNet(
  path: string,
  { config, log = () => {} }: OpenControlNetOptions = {},
): Promise<LoadedControlNet> {
  const opened = openModel(path);
  try {
    const found = requirePart(opened.source, "controlnet", path);
    log(`${path}: ${opened.identity.summary}`);
    const hints = config === undefined ? undefined : hintsFromLdm(config);
    const model = partModel(opened, found, hints, log);
    if (model.part !== "controlnet")
      throw new ControlNetError("state", `openControlNet: found ${model.part} in place of a ControlNet`);
    const params = loadPart<ControlNetParams>(opened, found, model);
    // A hint encoder of one width has no blocks, and a list without tensors leaves no trace in a file.
    params.hint.blocks ??= [];
    const { metadata } = opened.source;
    return {
      params,
      config: model.config,
      metadata: { ...readModelMetadata(metadata, path), ...readMetadata(metadata) },
    };
  } finally {
    opened.close();
  }
}
