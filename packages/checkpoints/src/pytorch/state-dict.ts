import { ControlNetError } from "@controlnet-js/core";
import { quote } from "../quote.js";
import { PickleDict, PickleTensor, type PickleValue } from "./pickle-values.js";

/** The tensors of a checkpoint by name, and the plain values beside them. */
export interface StateDict {
  tensors: Map<string, PickleTensor>;
  /** E.g. `global_step` and `epoch`, as text. */
  metadata: Record<string, string>;
}

/** Entries under which training code keeps its weights, most telling first. */
const wrappers = [
  "state_dict",
  "params_ema",
  "params",
  "model",
  "model_state_dict",
  "module",
  "net",
  "weights",
] as const;
const depthLimit = 16;
const tensorLimit = 100_000;
const metadataLimit = { entries: 100, text: 1000 };

/**
 * Finds the weights in an unpickled checkpoint: its `state_dict`, else its own tensors, else those of the first
 * entry that usually holds them. Optimiser state and the like is left out.
 * @throws ControlNetError `format` where it holds none
 */
export function findStateDict(root: PickleValue, where: string): StateDict {
  if (!(root instanceof PickleDict))
    throw new ControlNetError("format", `${where}: expected a dict of tensors, found ${describe(root)}`);
  const top = new Map<string, PickleValue>();
  for (const [key, value] of root.entries) if (typeof key === "string") top.set(key, value);
  const metadata = new Map<string, string>();
  for (const [key, value] of top)
    if (["number", "boolean", "string"].includes(typeof value) && key !== "__proto__")
      if (String(value).length <= metadataLimit.text && metadata.size < metadataLimit.entries)
        metadata.set(key, String(value));
  const bare = !top.has("state_dict") && [...top.values()].some((value) => value instanceof PickleTensor);
  const wrapper = bare ? undefined : wrappers.find((name) => holdsTensors(top.get(name)));
  const tensors = new Map<string, PickleTensor>();
  collect(wrapper === undefined ? root : (top.get(wrapper) as PickleDict), "", 0, tensors, where);
  if (tensors.size === 0 && top.has("string_to_param"))
    throw new ControlNetError(
      "unsupported",
      `${where}: a textual inversion embedding; it adds a word to the text encoder, but holds no model`,
    );
  if (tensors.size === 0) {
    const keys = [...top.keys()].slice(0, 20).map(quote).join(", ");
    throw new ControlNetError("format", `${where}: no weights found; the file holds: ${keys || "nothing"}`);
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

const holdsTensors = (value: PickleValue | undefined): boolean =>
  value instanceof PickleDict &&
  value.entries.some(([, inner]) => inner instanceof PickleTensor || inner instanceof PickleDict);

function collect(
  dict: PickleDict,
  prefix: string,
  depth: number,
  tensors: Map<string, PickleTensor>,
  where: string,
  budget = { left: 1_000_000 },
): void {
  if (depth > depthLimit)
    throw new ControlNetError(
      "format",
      `${where}: dicts nested more than ${depthLimit} deep (${quote(prefix)})`,
    );
  for (const [key, value] of dict.entries) {
    if (--budget.left < 0)
      throw new ControlNetError("format", `${where}: its dicts repeat each other without end`);
    if (typeof key !== "string") continue;
    const name = prefix + key;
    if (value instanceof PickleDict) collect(value, `${name}.`, depth + 1, tensors, where, budget);
    if (!(value instanceof PickleTensor)) continue;
    if (tensors.has(name))
      throw new ControlNetError("format", `${where}: two tensors are called ${quote(name)}`);
    if (/(^|\.)__proto__$/.test(name))
      throw new ControlNetError("format", `${where}: a tensor is called ${quote(name)}`);
    if (tensors.size === tensorLimit)
      throw new ControlNetError("format", `${where}: more than ${tensorLimit} tensors`);
    tensors.set(name, value);
  }
}

const describe = (value: PickleValue): string =>
  value === null
    ? "None"
    : typeof value === "object"
      ? value.constructor.name.replace("Pickle", "a ").toLowerCase()
      : `a ${typeof value}`;
