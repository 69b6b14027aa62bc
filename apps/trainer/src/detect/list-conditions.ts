import type { Condition } from "@controlnet-js/core";
import * as z from "zod";
import { conditionsWithNetwork } from "../networks/network-weights.js";

/** A condition as `controlnet detect --list --json` prints it. */
export interface ConditionEntry {
  name: string;
  description: string;
  channels: number;
  range: readonly [number, number];
  /** JSON schema of the options, to draw controls from. */
  options: ReturnType<typeof optionsSchema>;
  /** What each part of its network is read from, the main one first; absent where it has none. */
  weights?: Readonly<Record<string, string>>;
}

/** The part of a JSON schema that an option's help line shows. */
interface OptionSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: OptionSchema[];
  minimum?: number;
  maximum?: number;
}

const optionsSchema = (options: z.ZodObject) =>
  // A user's own option may be of a kind that JSON schema has no words for.
  z.toJSONSchema(options, { io: "input", unrepresentable: "any" });

/** Conditions with the JSON schemas of their options. */
export const conditionEntries = (conditions: readonly Condition[]): ConditionEntry[] =>
  conditions.map(({ name, description, channels, range, options, network }) => ({
    name,
    description,
    channels,
    range,
    options: optionsSchema(options),
    ...(network && { weights: network.parts }),
  }));

/** The parts of a network in a line, as `--weights` takes them. */
const partsLine = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([part, file], i) => (i === 0 ? file : `${part}=${file}`))
    .join("; ");

/** A line for each built-in condition with a network, conditions with the same together. */
export function networkLines(): string {
  const byFiles = new Map<string, string[]>();
  for (const { name, network } of conditionsWithNetwork()) {
    const files = partsLine(network!.parts);
    byFiles.set(files, [...(byFiles.get(files) ?? []), name]);
  }
  return [...byFiles].map(([files, names]) => `  ${names.join(", ")}: ${files}`).join("\n");
}

/** The same as lines of text: each condition, then its options with default and bounds. */
export function listConditions(conditions: readonly Condition[]): string {
  const lines: string[] = [];
  for (const { name, description, channels, options, weights } of conditionEntries(conditions)) {
    const size = channels === 3 ? "" : `(${channels} channel${channels === 1 ? "" : "s"})`;
    lines.push(
      [name.padEnd(13), description, size]
        .filter((text) => text !== "")
        .join(" ")
        .trimEnd(),
    );
    const rows = Object.entries(options.properties ?? {}).map(([key, schema]) => {
      const option = schema as OptionSchema;
      const value = option.default === undefined ? "" : shownValue(option.default);
      return { head: `${key}=${value}`, help: [shownType(option), option.description ?? ""] };
    });
    if (weights) rows.push({ head: "--weights PATH", help: [partsLine(weights)] });
    const width = Math.max(0, ...rows.map(({ head }) => head.length));
    for (const { head, help } of rows)
      lines.push(`  ${head.padEnd(width)}  ${help.filter(Boolean).join("; ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function shownType(option: OptionSchema): string {
  const { type, minimum, maximum } = option;
  if (option.const !== undefined) return shownValue(option.const);
  if (option.enum) return option.enum.map(shownValue).join(" | ");
  if (option.anyOf) return option.anyOf.map(shownType).join(" | ");
  if (type === "boolean") return "true | false";
  const words = type === "integer" ? "whole number" : (type ?? "");
  if (minimum !== undefined && maximum !== undefined)
    return `${words} ${shownValue(minimum)} to ${shownValue(maximum)}`;
  if (minimum !== undefined) return `${words} from ${shownValue(minimum)}`;
  return maximum === undefined ? words : `${words} up to ${shownValue(maximum)}`;
}

const shownValue = (value: unknown): string =>
  typeof value === "number"
    ? String(Number.isInteger(value) ? value : Number(value.toPrecision(6)))
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
