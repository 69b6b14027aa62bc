import type { Condition } from "@controlnet-js/core";
import { type ConditionModule, loadCondition } from "@controlnet-js/data";
import { findCondition } from "@controlnet-js/preprocessors";
import { isModulePath } from "./train-config.js";

/** A condition as the command line names it, and where a worker process finds it again. */
export interface NamedCondition {
  condition: Condition;
  source: Condition | ConditionModule;
}

/**
 * A built-in condition by name, or one from the user's own module.
 * @throws ControlNetError `config` for an unknown name, with the nearest one; `missing` for a module that isn't there
 */
export async function openCondition(name: string): Promise<NamedCondition> {
  if (isModulePath(name)) {
    const module: ConditionModule = { module: name };
    return { condition: await loadCondition(module), source: module };
  }
  const condition = findCondition(name) as unknown as Condition;
  return { condition, source: condition };
}
