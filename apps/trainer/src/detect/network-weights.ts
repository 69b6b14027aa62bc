import { existsSync } from "node:fs";
import { ControlNetError, nearestName } from "@controlnet-js/core";
import { conditionNetworks, type Look, networkOf } from "./condition-networks.js";

/** The files of a condition's network by the part that each is for: `{ body: "body_pose_model.pth" }`. */
export type Weights = Readonly<Record<string, string>>;

/** A network as a command asks for it. */
export interface NetworkRequest {
  weights: Weights;
  look: Look;
}

/** How weights are given, in the words of errors. */
export interface WeightsWords {
  command: string;
  key: string;
  /** How the main part's path is given, and another part's. */
  main: string;
  other(part: string): string;
}

/** `controlnet detect --weights`. */
export const weightsFlag: WeightsWords = {
  command: "controlnet detect",
  key: "--weights",
  main: "--weights PATH",
  other: (part) => `--weights ${part}=PATH`,
};

/** `controlnet evaluate --weights`. */
export const evaluateFlag: WeightsWords = { ...weightsFlag, command: "controlnet evaluate" };

/** `weights` in the config of `controlnet train`. */
export const weightsKey: WeightsWords = {
  command: "controlnet train",
  key: "weights",
  main: "weights: PATH",
  other: (part) => `${part}: PATH in weights`,
};

/**
 * Reads `--weights` texts: a path for the network's main part, `part=path` for another.
 * @param condition a built-in condition's name
 * @returns undefined where there are none
 * @throws ControlNetError `config` for a condition without a network, an unknown part or one given twice
 */
export function readWeightTexts(
  condition: string,
  texts: readonly string[],
  words: WeightsWords = weightsFlag,
): Weights | undefined {
  if (texts.length === 0) return undefined;
  const parts = partsOf(condition, words);
  const weights: Record<string, string> = {};
  for (const text of texts) {
    const [, name, path] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    const isNamed = name !== undefined && (parts.includes(name) || !existsSync(text));
    const part = isNamed ? name : parts[0]!;
    assertPart(condition, part, parts, words);
    if (weights[part] !== undefined) throw usage(words, `"${part}" was given twice`);
    weights[part] = isNamed ? path! : text;
  }
  return weights;
}

/**
 * Reads the `weights` of a training config: the main part's path, or a path for each part.
 * @throws ControlNetError `config` for a condition without a network, an unknown part or none for the main part
 */
export function readConfigWeights(condition: string, given: string | Weights): Weights {
  const parts = partsOf(condition, weightsKey);
  const main = parts[0]!;
  if (typeof given === "string") return { [main]: given };
  for (const part of Object.keys(given)) assertPart(condition, part, parts, weightsKey);
  if (given[main] === undefined)
    throw usage(weightsKey, `condition "${condition}" needs a path for "${main}"`);
  return given;
}

/**
 * Whether a condition can't find what it draws for want of its network's weights.
 * @param condition a built-in condition's name, or a module's path, which needs none
 * @param options complete
 */
export function lacksWeights(
  condition: string,
  options: Record<string, unknown>,
  weights: Weights | undefined,
): boolean {
  const network = networkOf(condition);
  if (!network?.isNeeded(options)) return false;
  const [main] = Object.keys(network.parts);
  return weights?.[main!] === undefined;
}

/**
 * Throws where {@link lacksWeights}, naming the file and how to give it.
 * @throws ControlNetError `missing`
 */
export function assertWeights(
  condition: string,
  options: Record<string, unknown>,
  weights: Weights | undefined,
  { command, main, other }: WeightsWords = weightsFlag,
): void {
  if (!lacksWeights(condition, options, weights)) return;
  const [[, file], ...others] = Object.entries(networkOf(condition)!.parts) as [
    [string, string],
    ...[string, string][],
  ];
  const more = others.map(([part, name]) => `; ${other(part)} adds ${name}`).join("");
  throw new ControlNetError(
    "missing",
    `${command}: condition "${condition}" needs a network: give ${main} of ${file}${more}`,
  );
}

function partsOf(condition: string, words: WeightsWords): string[] {
  const network = networkOf(condition);
  if (network) return Object.keys(network.parts);
  const known = Object.keys(conditionNetworks).join(", ");
  throw new ControlNetError(
    "config",
    `${words.command}: condition "${condition}" takes no ${words.key} (those that do: ${known})`,
  );
}

function assertPart(condition: string, part: string, parts: readonly string[], words: WeightsWords): void {
  if (parts.includes(part)) return;
  const nearest = nearestName(part, parts);
  throw usage(
    words,
    `condition "${condition}" has no part "${part}"` +
      `${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${parts.join(", ")})`,
  );
}

const usage = ({ command, key }: WeightsWords, message: string): ControlNetError =>
  new ControlNetError("config", `${command}: ${key}: ${message}`);
