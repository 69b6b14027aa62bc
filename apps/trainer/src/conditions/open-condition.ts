import { type Condition, ControlNetError } from "@controlnet-js/core";
import type { ConditionModule } from "@controlnet-js/data";
import { findCondition } from "@controlnet-js/preprocessors";
import type { NetworkRequest } from "../networks/network-weights.js";
import { type ConditionName, isModulePath } from "./condition-name.js";

/** A condition as the command line names it, and where a worker process finds it again. */
export interface NamedCondition {
  condition: Condition;
  source: Condition | ConditionModule;
}

/**
 * A built-in condition by name, or one from the user's own module, whose code is run.
 * @throws ControlNetError `missing` for an unknown name, with the nearest one, and for a module that isn't there; `config`
 * for a URL
 */
export async function openCondition(name: ConditionName): Promise<NamedCondition> {
  if (isModulePath(name)) {
    const module: ConditionModule = { module: name };
    const { loadCondition } = await import("@controlnet-js/data");
    return { condition: await loadCondition(module), source: module };
  }
  const condition = findBuiltIn(name);
  return { condition, source: condition };
}

/**
 * A condition with the network that is asked for, which the selected engine runs in this process; as it is where none is.
 * @throws ControlNetError as `openNetwork` of the annotators for the weights
 */
export async function giveNetwork(
  named: NamedCondition,
  network: NetworkRequest | undefined,
): Promise<NamedCondition> {
  if (!network) return named;
  const { openNetwork } = await import("@controlnet-js/annotators/node");
  const opened = await openNetwork(named.condition.network!, network.weights, network.look);
  const condition = named.condition.withNetwork(opened);
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
