import { existsSync } from "node:fs";
import { type Condition, ControlNetError, type NetworkLook, unknownName } from "@controlnet-js/core";
import { builtInConditions } from "@controlnet-js/preprocessors";

/** The files of a condition's network by the part that each is for: `{ body: "body_pose_model.pth" }`. */
export type Weights = Readonly<Record<string, string>>;

/** A network as a command asks for it. */
export interface NetworkRequest {
  weights: Weights;
  look: NetworkLook;
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

/** `weights` in the config of `controlnet train`. */
export const weightsKey: WeightsWords = {
  command: "controlnet train",
  key: "weights",
  main: "weights: PATH",
  other: (part) => `${part}: PATH in weights`,
};

/** The flag of another command. */
export const weightsFlagOf = (command: string): WeightsWords => ({
  ...weightsFlag,
  command: `controlnet ${command}`,
});

/**
 * Reads `--weights` texts: a path for the network's main part, `part=path` for another.
 * @returns undefined where there are none
 * @throws ControlNetError `config` for a condition without a network, an unknown part or one given twice, `missing` where
 * the main part lacks
 */
export function readWeightTexts(
  condition: Condition,
  texts: readonly string[],
  words: WeightsWords = weightsFlag,
): Weights | undefined {
  if (texts.length === 0) return undefined;
  const parts = partsOf(condition, words);
  const weights: Record<string, string> = {};
  for (const text of texts) {
    const [, name, path] = /^([a-z]\w*)=(.+)$/i.exec(text) ?? [];
    const isNamed = name !== undefined && (parts.includes(name) || !existsSync(text));
    const part = isNamed ? name : parts[0]!;
    assertPart(condition, part, parts, words);
    if (weights[part] !== undefined) throw usage(words, `"${part}" was given twice`);
    weights[part] = isNamed ? path! : text;
  }
  if (weights[parts[0]!] === undefined) throw lacking(condition, words);
  return weights;
}

/**
 * Reads the `weights` of a training config: the main part's path, or a path for each part.
 * @throws ControlNetError `config` for a condition without a network, an unknown part or none for the main part
 */
export function readConfigWeights(condition: Condition, given: string | Weights): Weights {
  const parts = partsOf(condition, weightsKey);
  const main = parts[0]!;
  if (typeof given === "string") return { [main]: given };
  for (const part of Object.keys(given)) assertPart(condition, part, parts, weightsKey);
  if (given[main] === undefined)
    throw usage(weightsKey, `condition "${condition.name}" needs a path for "${main}"`);
  return given;
}

/** The built-in conditions that can be given a network. */
export const conditionsWithNetwork = (): Condition[] =>
  Object.values<unknown>(builtInConditions).filter((condition): condition is Condition =>
    Boolean((condition as Condition).network),
  );

/**
 * Whether a condition finds its maps in pictures as it stands, its network given or not needed.
 * @param options complete
 */
export const canDetect = (condition: Condition, options: Record<string, unknown>): boolean =>
  // A user's module may export one that was not made by defineCondition.
  condition.canDetect?.(options) ?? true;

/**
 * Throws where a condition lacks its network, naming the file and how to give it.
 * @throws ControlNetError `missing`
 */
export function assertDetects(
  condition: Condition,
  options: Record<string, unknown>,
  words: WeightsWords = weightsFlag,
): void {
  if (!canDetect(condition, options)) throw lacking(condition, words);
}

function lacking({ name, network }: Condition, { command, main, other }: WeightsWords): ControlNetError {
  const [[, file], ...others] = Object.entries(network!.parts) as [[string, string], ...[string, string][]];
  const more = others.map(([part, text]) => `; ${other(part)} adds ${text}`).join("");
  return new ControlNetError(
    "missing",
    `${command}: condition "${name}" needs a network: give ${main} of ${file}${more}`,
  );
}

function partsOf({ name, network }: Condition, words: WeightsWords): string[] {
  if (network) return Object.keys(network.parts);
  const known = conditionsWithNetwork().map((condition) => condition.name);
  throw new ControlNetError(
    "config",
    `${words.command}: condition "${name}" takes no ${words.key} (those that do: ${known.join(", ")})`,
  );
}

function assertPart({ name }: Condition, part: string, parts: readonly string[], words: WeightsWords): void {
  if (parts.includes(part)) return;
  throw usage(words, `condition "${name}" has no part ${unknownName(part, parts)}`);
}

const usage = ({ command, key }: WeightsWords, message: string): ControlNetError =>
  new ControlNetError("config", `${command}: ${key}: ${message}`);
