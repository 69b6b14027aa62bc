import { existsSync } from "node:fs";
import type { LookOptions } from "@controlnet-js/annotators";
import { ControlNetError, nearestName } from "@controlnet-js/core";
import { conditionNetworks } from "./condition-networks.js";

/** The files of a condition's network by the part that each is for: `{ body: "body_pose_model.pth" }`. */
export type Weights = Readonly<Record<string, string>>;

/** A network as the command line asks for it. */
export interface NetworkRequest {
  weights: Weights;
  look: LookOptions;
}

/**
 * Reads `--weights` texts: a path for the network's main part, `part=path` for another.
 * @param condition a built-in condition's name
 * @returns undefined where there are none
 * @throws ControlNetError `config` for a condition without a network, an unknown part or one given twice
 */
export function readWeightTexts(condition: string, texts: readonly string[]): Weights | undefined {
  if (texts.length === 0) return undefined;
  const network = conditionNetworks[condition];
  if (!network)
    throw usage(
      `condition "${condition}" takes no --weights (those that do: ${Object.keys(conditionNetworks).join(", ")})`,
    );
  const parts = Object.keys(network.parts);
  const weights: Record<string, string> = {};
  for (const text of texts) {
    const [, name, path] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    const isNamed = name !== undefined && (parts.includes(name) || !existsSync(text));
    const part = isNamed ? name : parts[0]!;
    if (!parts.includes(part)) {
      const nearest = nearestName(part, parts);
      throw usage(
        `--weights ${text}: condition "${condition}" has no part "${part}"` +
          `${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${parts.join(", ")})`,
      );
    }
    if (weights[part] !== undefined) throw usage(`--weights: "${part}" was given twice`);
    weights[part] = isNamed ? path! : text;
  }
  return weights;
}

/**
 * Throws where a condition can't work as asked without its network's weights, naming the file and the flag.
 * @param condition a built-in condition's name, or a module's path, which needs none
 * @param options complete
 * @throws ControlNetError `missing`
 */
export function assertWeights(
  condition: string,
  options: Record<string, unknown>,
  weights: Weights | undefined,
): void {
  const network = conditionNetworks[condition];
  if (!network?.isNeeded(options)) return;
  const [[part, file], ...others] = Object.entries(network.parts) as [
    [string, string],
    ...[string, string][],
  ];
  if (weights?.[part] !== undefined) return;
  const more = others.map(([name, other]) => `; --weights ${name}=PATH adds ${other}`).join("");
  throw new ControlNetError(
    "missing",
    `controlnet detect: condition "${condition}" needs a network: give --weights PATH of ${file}${more}`,
  );
}

const usage = (message: string): ControlNetError =>
  new ControlNetError("config", `controlnet detect: ${message}`);
