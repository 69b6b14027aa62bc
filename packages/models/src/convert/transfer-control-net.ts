import { basename } from "node:path";
import {
  float32Tensor,
  misfit,
  type NamedTensor,
  otherBaseWarning,
  requirePart,
  toFloat32,
  withDType,
} from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";
import { encoderKeyRows } from "@controlnet-js/unet";
import { readBase, withBase } from "../metadata.js";
import { hashBase } from "../open/hash-base.js";
import { configsEntry, type OpenModel, openModel } from "../open/open-model.js";
import { assertPartKeys, keysOf, partModel, partRows } from "../open/part-model.js";
import { controlForm, saveControlPart } from "../save/save-control-part.js";
import { renameTensors } from "./rename-tensors.js";

/** What a transfer needs. */
export interface TransferOptions {
  control: string;
  /** The base model that the ControlNet was trained with. */
  from: string;
  /** The base model that it is to work with. */
  to: string;
  /** A folder for diffusers' form, or `FILE.safetensors` for the original code's. */
  out: string;
  /** Writes half precision. Default float32. */
  half?: boolean;
  /** Told what was found and assumed. */
  log?: (line: string) => void;
}

/**
 * Transfers a ControlNet to another base model: `p_new = p_control + p_base_new - p_base_old` for every copied layer, in
 * float32 and in this order, as the original code's `tool_transfer_control.py`; hint encoder and links stay. Needs no
 * engine.
 * @throws ControlNetError `unsupported` naming a file of another kind, `config` where the three don't belong together
 */
export async function transferControlNet(options: TransferOptions): Promise<void> {
  const { out, half = false, log = () => {} } = options;
  const form = controlForm(out);
  const opened: OpenModel[] = [];
  const open = (path: string): OpenModel => {
    const model = openModel(path);
    opened.push(model);
    log(`${path}: ${model.identity.summary}`);
    return model;
  };
  try {
    const control = controlOf(open(options.control), form);
    const before = baseOf(open(options.from), form, control.opened);
    const after = baseOf(open(options.to), form, control.opened);
    const { [configsEntry]: _, ...header } = control.opened.source.metadata;
    const trainedWith = readBase(header, options.control);
    const warning = trainedWith && otherBaseWarning(before.hash(), { base: trainedWith });
    if (warning) log(`warning: --from ${options.from}: ${warning}`);
    const moved = control.tensors.map((tensor) => {
      const [old, now] = [before.tensors.get(tensor.name), after.tensors.get(tensor.name)];
      return old || now ? shifted(tensor, old, now, options) : withDType(tensor, "F32");
    });
    const base = { hash: after.hash(), name: basename(options.to) };
    await saveControlPart(out, control.config, moved, { metadata: withBase(header, base), half });
  } finally {
    for (const model of opened) model.close();
  }
}

function controlOf(opened: OpenModel, form: "diffusers" | "ldm") {
  const found = requirePart(opened.source, "controlnet", opened.path);
  const model = partModel(opened, found, undefined);
  if (model.part !== "controlnet") throw new ControlNetError("state", `transfer: found ${model.part}`);
  const rows = partRows(model, keysOf(opened, found));
  assertPartKeys(opened, found, rows);
  const from = { rows, prefix: found.prefix };
  const tensors = renameTensors(opened.source, from, { rows: partRows(model, form), prefix: "" });
  return { opened, config: model.config, tensors };
}

function baseOf(opened: OpenModel, form: "diffusers" | "ldm", control: OpenModel) {
  const found = requirePart(opened.source, "unet", opened.path);
  const problem = misfit(opened.identity, control.identity);
  if (problem) throw new ControlNetError("config", `transfer: ${opened.path}: ${problem}`);
  const model = partModel(opened, found, undefined);
  if (model.part !== "unet") throw new ControlNetError("state", `transfer: found ${model.part}`);
  const rows = partRows(model, keysOf(opened, found));
  assertPartKeys(opened, found, rows);
  const to = { rows: encoderKeyRows(model.config, form), prefix: "" };
  const copied = renameTensors(opened.source, { rows, prefix: found.prefix }, to);
  return {
    tensors: new Map(copied.map((tensor) => [tensor.name, tensor])),
    hash: () => hashBase(opened, found, model),
  };
}

function shifted(
  control: NamedTensor,
  old: NamedTensor | undefined,
  now: NamedTensor | undefined,
  { from, to }: TransferOptions,
): NamedTensor {
  for (const [path, base] of [
    [from, old],
    [to, now],
  ] as const)
    if (base?.shape.join() !== control.shape.join())
      throw new ControlNetError(
        "config",
        `transfer: "${control.name}" is [${control.shape.join(", ")}] in the ControlNet, but ${base ? `[${base.shape.join(", ")}]` : "missing"} in ${path}; all three must be of the same size`,
      );
  const bytes = () => {
    const [p, a, b] = [control, now!, old!].map(toFloat32) as [Float32Array, Float32Array, Float32Array];
    const sum = Float32Array.from(p, (value, i) => Math.fround(value + a[i]!) - b[i]!);
    return float32Tensor(control.name, control.shape, sum).bytes();
  };
  return { ...control, dtype: "F32", bytes };
}
