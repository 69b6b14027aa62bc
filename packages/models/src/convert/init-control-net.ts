import { basename } from "node:path";
import { requirePart, withDType, writeModelMetadata } from "@controlnet-js/checkpoints";
import { controlNetConfig, controlNetKeyRows, createControlNetFrom } from "@controlnet-js/controlnet";
import { ControlNetError, leavesOf } from "@controlnet-js/core";
import { encoderKeyRows } from "@controlnet-js/unet";
import { hashBase } from "../open/hash-base.js";
import { hintsFromLdm } from "../open/model-hints.js";
import { openModel } from "../open/open-model.js";
import { assertPartKeys, keysOf, partModel, partRows } from "../open/part-model.js";
import { controlForm, saveControlPart } from "../save/save-control-part.js";
import { type FreshLeaf, freshInitializer, publishedLeaf } from "./fresh-leaf.js";
import { renameTensors } from "./rename-tensors.js";

/** How to make a fresh ControlNet. */
export interface InitOptions {
  /** Channels of the control map. Default 3. */
  hintChannels?: number;
  /** Of the hint encoder's random weights. Default 0. */
  seed?: number;
  /** Writes half precision. Default float32. */
  half?: boolean;
  /** The original code's model yaml of the base, parsed. */
  config?: unknown;
  /** Told what was found and assumed. */
  log?: (line: string) => void;
}

/**
 * Writes a fresh ControlNet for a base model: a copy of its encoder and middle block, a new hint encoder, links of
 * zeros, as the original code's `tool_add_control.py`. Equal to `createControlNet` with the same seed; needs no engine.
 * @param output a folder for diffusers' form, or `FILE.safetensors` for the original code's
 * @throws ControlNetError `unsupported` where the base is something else, `format`, `config`, `io`
 */
export async function initControlNet(base: string, output: string, options: InitOptions = {}): Promise<void> {
  const { hintChannels = 3, seed = 0, half = false, log = () => {} } = options;
  const form = controlForm(output);
  const opened = openModel(base);
  try {
    log(`${base}: ${opened.identity.summary}`);
    const found = requirePart(opened.source, "unet", base);
    const hints = options.config === undefined ? undefined : hintsFromLdm(options.config);
    const model = partModel(opened, found, hints, log);
    if (model.part !== "unet") throw new ControlNetError("state", `initControlNet: found ${model.part}`);
    const rows = partRows(model, keysOf(opened, found));
    assertPartKeys(opened, found, rows);
    const config = controlNetConfig(model.config, { hintChannels });
    const copied = renameTensors(
      opened.source,
      { rows, prefix: found.prefix },
      { rows: encoderKeyRows(config.unet, form), prefix: "" },
    );
    const { hint, links } = createControlNetFrom(config, freshInitializer).params;
    const leaves = new Map(leavesOf<FreshLeaf>({ hint, links }).map(({ path, value }) => [path, value]));
    const fresh = controlNetKeyRows(config, form).flatMap((row) => {
      const leaf = leaves.get(row.path);
      return leaf ? [publishedLeaf(leaf, row, seed)] : [];
    });
    const metadata = writeModelMetadata({
      base: { hash: hashBase(opened, found, model), name: basename(base) },
      step: 0,
    });
    const entries = [...fresh, ...copied.map((tensor) => withDType(tensor, "F32"))];
    await saveControlPart(output, config, entries, { metadata, half });
  } finally {
    opened.close();
  }
}
