import { type Condition, ControlNetError } from "@controlnet-js/core";
import type { ConditionModule } from "@controlnet-js/data";
import { findCondition } from "@controlnet-js/preprocessors";
import { type ConditionName, isModulePath } from "./condition-name.js";
import { networkOf } from "./detect/condition-networks.js";
import type { NetworkRequest } from "./detect/network-weights.js";

/** A condition as the command line names it, and where a worker process finds it again. */
export interface NamedCondition {
  condition: Condition;
  source: Condition | ConditionModule;
}

/**
 * A built-in condition by name, or one from the user's own module, whose code is run.
 * @param network the files of a built-in condition's network, which the selected engine runs; without them it draws what
 * it is given, but finds nothing in a picture
 * @throws ControlNetError `missing` for an unknown name, with the nearest one, and for a module that isn't there; `config`
 * for a URL; as the annotators' `open...` functions for the weights
 */
export async function openCondition(name: ConditionName, network?: NetworkRequest): Promise<NamedCondition> {
  if (isModulePath(name)) {
    const module: ConditionModule = { module: name };
    const { loadCondition } = await import("@controlnet-js/data");
    return { condition: await loadCondition(module), source: module };
  }
  const plain = findBuiltIn(name);
  const condition = network ? await networkOf(name)!.open(network.weights, network.look) : plain;
  return { condition, source: condition };
}

function findBuiltIn(name: string): Condition {
  try {
    return findCondition(name) as unknown as Condition;
  } catch (cause) {
    throw new ControlNetError(
      "missing",
      `${(cause as Error).message}; one of your own is given by its module: ./my-condition.ts`,
      { cause },
    );
  }
}

/** The options that a ControlNet was trained with, where it names this condition; none for another. */
export const trainedOptions = (
  { name }: Condition,
  { condition, options }: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  condition === name && typeof options === "object" && options !== null && !Array.isArray(options)
    ? { ...options }
    : {};
