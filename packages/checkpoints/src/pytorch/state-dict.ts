import { ControlNetError } from "@controlnet-js/core";
import { quote } from "../quote.js";
import { cost, type MemoryBudget } from "./memory-budget.js";
import { longText, PickleDict, PickleOpaque, PickleTensor, type PickleValue } from "./pickle-values.js";

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
/** Entries that tell what a checkpoint is. */
const telling: ReadonlySet<string> = new Set([...wrappers, "string_to_param"]);
const depthLimit = 16;
const nameLimit = 1000;
const tensorLimit = 100_000;
const visitLimit = 1_000_000;
const metadataLimit = { entries: 100, text: 1000 };

/**
 * Finds the weights in an unpickled checkpoint: its `state_dict`, else its own tensors, else those of the first
 * entry that usually holds them. Optimiser state and the like is left out.
 * @param budget pays for every name
 * @throws ControlNetError `format` where it holds none
 */
export function findStateDict(root: PickleValue, where: string, budget: MemoryBudget): StateDict {
  if (!(root instanceof PickleDict))
    throw new ControlNetError("format", `${where}: expected a dict of tensors, found ${describe(root)}`);
  const told = new Map<string, PickleValue>();
  const metadata = new Map<string, string>();
  let holdsOwn = false;
  for (const [key, value] of entriesOf(root)) {
    holdsOwn ||= value instanceof PickleTensor;
    if (telling.has(key)) told.set(key, value);
    if (!["number", "boolean", "string"].includes(typeof value) || key === "__proto__") continue;
    const text = String(value);
    const room = metadata.has(key) || metadata.size < metadataLimit.entries;
    if (room && text.length <= metadataLimit.text) metadata.set(key, text);
  }
  const bare = !told.has("state_dict") && holdsOwn;
  const wrapper = bare ? undefined : wrappers.find((name) => holdsTensors(told.get(name)));
  const tensors = new Map<string, PickleTensor>();
  const weights = wrapper === undefined ? root : (told.get(wrapper) as PickleDict);
  collect(weights, "", 0, tensors, { where, budget, visits: visitLimit });
  if (tensors.size === 0 && told.has("string_to_param"))
    throw new ControlNetError(
      "unsupported",
      `${where}: a textual inversion embedding; it adds a word to the text encoder, but holds no model`,
    );
  if (tensors.size === 0) {
    const keys: string[] = [];
    for (const [key] of entriesOf(root)) if (keys.length < 20) keys.push(quote(key));
    throw new ControlNetError(
      "format",
      `${where}: no weights found; the file holds: ${keys.join(", ") || "nothing"}`,
    );
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

function* entriesOf({ entries }: PickleDict): Generator<[key: string, value: PickleValue]> {
  for (let i = 0; i < entries.length; i += 2) {
    const key = entries[i];
    if (typeof key === "string") yield [key, entries[i + 1]!];
  }
}

const holdsTensors = (value: PickleValue | undefined): boolean =>
  value instanceof PickleDict &&
  value.entries.some(
    (inner, i) => i % 2 === 1 && (inner instanceof PickleTensor || inner instanceof PickleDict),
  );

function collect(
  dict: PickleDict,
  prefix: string,
  depth: number,
  tensors: Map<string, PickleTensor>,
  state: { where: string; budget: MemoryBudget; visits: number },
): void {
  const fail = (message: string): never => {
    throw new ControlNetError("format", `${state.where}: ${message}`);
  };
  if (depth > depthLimit) fail(`dicts nested more than ${depthLimit} deep (${quote(prefix)})`);
  const { entries } = dict;
  for (let i = 0; i < entries.length; i += 2) {
    if (--state.visits < 0) fail("its dicts repeat each other without end");
    const key = entries[i]!;
    const value = entries[i + 1]!;
    if (!(value instanceof PickleTensor || value instanceof PickleDict)) continue;
    const tooLong = key instanceof PickleOpaque && key.what === longText;
    if (typeof key !== "string" && !tooLong) continue;
    const name = prefix + (tooLong ? "" : key);
    if (tooLong || name.length > nameLimit)
      fail(`a tensor's name has more than ${nameLimit} characters; it begins with ${quote(name)}`);
    if (value instanceof PickleDict) {
      collect(value, `${name}.`, depth + 1, tensors, state);
      continue;
    }
    state.budget.charge(cost.tensor + name.length);
    if (tensors.has(name)) fail(`two tensors are called ${quote(name)}`);
    if (/(^|\.)__proto__$/.test(name)) fail(`a tensor is called ${quote(name)}`);
    if (tensors.size === tensorLimit) fail(`more than ${tensorLimit} tensors`);
    tensors.set(name, value);
  }
}

const describe = (value: PickleValue): string =>
  value === null
    ? "None"
    : typeof value === "object"
      ? value.constructor.name.replace("Pickle", "a ").toLowerCase()
      : `a ${typeof value}`;
