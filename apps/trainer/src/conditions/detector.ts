import { type Condition, parseOptions } from "@controlnet-js/core";
import type { NetworkRequest } from "../networks/network-weights.js";
import type { ConditionName } from "./condition-name.js";
import { type MapMarks, marksOf } from "./marks.js";
import { giveNetwork, type NamedCondition, openCondition } from "./open-condition.js";
import { assertListed } from "./option-texts.js";

/** A condition with its options complete: what one run of `controlnet detect` does to every picture. */
export interface Detector extends MapMarks {
  condition: Condition;
  options: Record<string, unknown>;
  /** `--size`: the short side that every picture is brought to first, in pixels. */
  size?: number;
}

/** The same as plain data, which passes between processes. */
export interface DetectorName {
  condition: ConditionName;
  options: Record<string, unknown>;
  size?: number;
  /** The files of the condition's network, and the engine that runs it. */
  network?: NetworkRequest & { engine: string };
}

/**
 * Opens a condition whose options can be read and listed.
 * @throws ControlNetError as `openCondition`; `config` for one that has no schema of its options
 */
export async function openListed(name: ConditionName): Promise<NamedCondition> {
  const named = await openCondition(name);
  assertListed(named.condition);
  return named;
}

/**
 * Opens a condition with its network and completes its options.
 * @throws ControlNetError as {@link openListed} and `giveNetwork`; `config` for a wrong option, naming the nearest known one
 */
export async function openDetector(name: DetectorName): Promise<Detector> {
  const { options, size, network } = name;
  const plain = await openListed(name.condition);
  // Workers without a network start sooner without an engine.
  if (network) await (await import("../start-engine.js")).startEngine(network.engine);
  const { condition } = await giveNetwork(plain, network);
  return {
    condition,
    options: parseOptions(`condition "${condition.name}"`, condition.options, options),
    ...(size !== undefined && { size }),
    ...(await marksOf(name.condition, network)),
  };
}

const detectors = new Map<string, Promise<Detector>>();

/** {@link openDetector}, once a process for the same condition, options and weights. */
export function cachedDetector(name: DetectorName): Promise<Detector> {
  const key = JSON.stringify(name);
  const opening = detectors.get(key) ?? openDetector(name);
  detectors.set(key, opening);
  return opening;
}
