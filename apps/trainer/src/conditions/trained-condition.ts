import { type Condition, parseOptions } from "@controlnet-js/core";
import { readWeightTexts, weightsFlagOf } from "../networks/network-weights.js";
import type { ConditionName } from "./condition-name.js";
import { giveNetwork, type NamedCondition, openCondition } from "./open-condition.js";
import { assertListed, readOptionTexts } from "./option-texts.js";

/** The condition of a ControlNet, in a command's words. */
export interface TrainedRequest {
  name: ConditionName;
  /** What the ControlNet's file says of its training. */
  metadata: Readonly<Record<string, unknown>>;
  /** `--option` and `--weights`. */
  option: readonly string[];
  weights: readonly string[];
  command: "sample" | "evaluate";
}

/** A condition with the options that a ControlNet takes its maps with. */
export interface TrainedCondition extends NamedCondition {
  options: Record<string, unknown>;
}

/**
 * Opens the condition of a ControlNet with its network and its options: those that it was trained with, where it names this
 * condition, and those given. A network sees pictures at the size of their maps.
 * @throws ControlNetError `config` for wrong options or weights, as `openCondition` and `giveNetwork`
 */
export async function openTrained(request: TrainedRequest): Promise<TrainedCondition> {
  const { name, metadata, option, command } = request;
  const plain = await openCondition(name);
  const weights = readWeightTexts(plain.condition, request.weights, weightsFlagOf(command));
  const named = await giveNetwork(plain, weights && { weights, look: { sized: true } });
  const { condition } = named;
  if (option.length > 0) assertListed(condition, command);
  const given = {
    ...trainedOptions(condition, metadata),
    ...(option.length > 0 && readOptionTexts(condition, option, command)),
  };
  const options = condition.options
    ? parseOptions(`condition "${condition.name}"`, condition.options, given)
    : given;
  return { ...named, options };
}

/** The options that a ControlNet was trained with, where it names this condition; none for another. */
const trainedOptions = (
  { name }: Condition,
  { condition, options }: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  condition === name && typeof options === "object" && options !== null && !Array.isArray(options)
    ? { ...options }
    : {};
