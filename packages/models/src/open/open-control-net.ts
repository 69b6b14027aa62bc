import { type FoundPart, readMetadata, readModelMetadata, requirePart } from "@controlnet-js/checkpoints";
import type { ControlNet } from "@controlnet-js/controlnet";
import { ControlNetError, owned } from "@controlnet-js/core";
import type { UNet, UNetConfig } from "@controlnet-js/unet";
import { loadControlNetPart } from "./load-part.js";
import { hintsFromLdm, type ModelHints } from "./model-hints.js";
import { openModel, tellFurtherControlNets } from "./open-model.js";
import { partModel } from "./part-model.js";

/** A ControlNet with what was saved with it; the caller disposes it with `disposeTree`. */
export interface OpenedControlNet extends ControlNet {
  /** The condition's definition, the base model's hash, the step. */
  metadata: Record<string, unknown>;
}

/** How to open a ControlNet. */
export interface OpenControlNetOptions {
  /** The original code's model yaml, parsed: what shapes don't tell of an unusual single file. */
  config?: unknown;
  /**
   * The U-Net that it is to work with. What neither `config`, a `config.json` nor the shapes tell of a single file,
   * attention heads above all, is taken from it, of which a ControlNet is a copy.
   */
  base?: Pick<UNet, "config">;
  /** Told what was found: kind and version, and what had to be assumed. */
  log?: (line: string) => void;
}

/**
 * Opens a ControlNet: a folder as diffusers has it, or a file (`.safetensors`, `.pth`, `.ckpt`) in either form of names,
 * alone or inside a whole model. The caller disposes it, by `disposeTree` or `using`.
 * @throws ControlNetError `unsupported` naming what the file is instead (a LoRA, a base model, SDXL), `format` listing
 * keys that don't fit, `config`, `io`
 */
export async function openControlNet(
  path: string,
  { config, base, log = () => {} }: OpenControlNetOptions = {},
): Promise<OpenedControlNet & Disposable> {
  const opened = openModel(path);
  try {
    const found = requirePart(opened.source, "controlnet", path);
    log(`${path}: ${opened.identity.summary}`);
    tellFurtherControlNets(opened, log);
    const told = config === undefined ? undefined : hintsFromLdm(config);
    const known = told === undefined && opened.configOf(found) !== undefined;
    const hints = known || !base ? told : { ...hintsOfBase(base.config, found), ...told };
    const model = partModel(opened, found, hints, log);
    if (model.part !== "controlnet")
      throw new ControlNetError("state", `openControlNet: found ${model.part} instead of a ControlNet`);
    const header = opened.source.metadata;
    const metadata = { ...readModelMetadata(header, path), ...readMetadata(header) };
    return owned({ ...loadControlNetPart(opened, found, model.config), metadata });
  } finally {
    opened.close();
  }
}

/** Nothing where the two are of different width: such a pair is refused later, by both names. */
function hintsOfBase({ channels, heads, groups, sampleSize }: UNetConfig, found: FoundPart): ModelHints {
  return found.width === channels[0] ? { heads, groups, sampleSize } : {};
}
