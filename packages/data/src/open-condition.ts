import type { Condition } from "@controlnet-js/core";
import {
  type ConditionModule,
  isCondition,
  loadCondition,
  resolveConditionModule,
} from "./load-condition.js";

/** A condition given to a dataset: itself, and where workers find it, if anywhere. */
export interface OpenedCondition {
  condition: Condition;
  module: ConditionModule | undefined;
}

/** Takes a condition itself, or the module that defines it; only the latter can be computed in worker processes. */
export async function openCondition(given: Condition | ConditionModule): Promise<OpenedCondition> {
  if (isCondition(given)) return { condition: given, module: undefined };
  return { condition: await loadCondition(given), module: resolveConditionModule(given) };
}
