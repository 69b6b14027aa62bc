import { existsSync } from "node:fs";
import { type Condition, ControlNetError, parseOptions } from "@controlnet-js/core";
import { type ConditionName, isModulePath } from "../condition-name.js";
import { openCondition } from "../open-condition.js";
import type { Look } from "./condition-networks.js";
import { fingerprint } from "./fingerprint.js";
import type { NetworkRequest } from "./network-weights.js";

/** A condition with its options complete: what one run of `controlnet detect` does to every picture. */
export interface Detector {
  condition: Condition;
  options: Record<string, unknown>;
  /** `--size`: the short side that every picture is brought to first, in pixels. */
  size?: number;
  /** The network as a map's file tells it from others. */
  network?: NetworkMark;
  /** The {@link fingerprint} of the user's own module: what it does may change under the same name. */
  module?: string;
}

/** Which network made a map, and how it looked. */
export interface NetworkMark extends Look {
  /** The {@link fingerprint} of each part's files. */
  weights: Readonly<Record<string, string>>;
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
export async function openListed(name: ConditionName, network?: DetectorName["network"]): Promise<Condition> {
  // Workers without a network start sooner without an engine.
  if (network) await (await import("../start-engine.js")).startEngine(network.engine);
  const { condition } = await openCondition(name, network);
  if (condition.options?.shape === undefined)
    throw new ControlNetError(
      "config",
      `condition "${condition.name}" has no schema of its options; make it with defineCondition`,
    );
  return condition;
}

/**
 * Opens a condition and completes its options.
 * @throws ControlNetError as {@link openListed}; `config` for a wrong option, naming the nearest known one
 */
export async function openDetector(name: DetectorName): Promise<Detector> {
  const { options, size, network } = name;
  const condition = await openListed(name.condition, network);
  return {
    condition,
    options: parseOptions(`condition "${condition.name}"`, condition.options, options),
    ...(size !== undefined && { size }),
    ...(await marksOf(name.condition, network)),
  };
}

/** What tells maps of a condition from those of another network, or of another state of the user's own module. */
export async function marksOf(
  condition: string,
  network?: NetworkRequest,
): Promise<Pick<Detector, "network" | "module">> {
  return {
    ...(network && { network: await markOf(network) }),
    ...(isModulePath(condition) && (await moduleMark(condition))),
  };
}

async function markOf({ weights, look }: NetworkRequest): Promise<NetworkMark> {
  const parts = await Promise.all(
    Object.entries(weights).map(async ([part, path]) => [part, await fingerprint(path)] as const),
  );
  return { weights: Object.fromEntries(parts), ...look };
}

/** Nothing for a package, which has a version of its own to be told apart by. */
const moduleMark = async (path: string): Promise<Pick<Detector, "module">> =>
  existsSync(path) ? { module: await fingerprint(path) } : {};

const detectors = new Map<string, Promise<Detector>>();

/** {@link openDetector}, once a process for the same condition, options and weights. */
export function cachedDetector(name: DetectorName): Promise<Detector> {
  const key = JSON.stringify(name);
  const opening = detectors.get(key) ?? openDetector(name);
  detectors.set(key, opening);
  return opening;
}

/**
 * Reads `--option key=value` texts. What the option's schema takes decides whether a value is a number, a truth value
 * or text: `version=1.1` stays text where it must be one.
 * @throws ControlNetError `config` for a text without a key, or a key that was there before
 */
export function readOptionTexts(
  condition: Condition,
  texts: readonly string[],
  command = "detect",
): Record<string, unknown> {
  const shape = condition.options.shape as Record<
    string,
    { safeParse(value: unknown): { success: boolean } } | undefined
  >;
  // Without a prototype, so that no key is a special one.
  const given: Record<string, unknown> = Object.create(null);
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals < 1)
      throw new ControlNetError("config", `controlnet ${command}: --option expects key=value, got "${text}"`);
    const key = text.slice(0, equals);
    const value = text.slice(equals + 1);
    if (key in given)
      throw new ControlNetError(
        "config",
        `controlnet ${command}: --option ${key} was given twice, the second time as "${text}"; keep one`,
      );
    const readings = [parsedJson(value), value];
    const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
    given[key] = readings.find((reading) => schema?.safeParse(reading).success) ?? readings[0];
  }
  return given;
}

/** A number, truth value or list; the text itself where it is no JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
