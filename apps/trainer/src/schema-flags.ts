import { type Command, Option } from "commander";
import * as z from "zod";
import { number } from "./numbers.js";
import { numberList, oneOf } from "./sample/read-flags.js";

/** What a schema tells of a setting: its kind and bounds, and what its `meta` adds for the command line. */
type Setting = z.core.JSONSchema.BaseSchema & {
  /** The heading that it stands under; without one it has no flag of its own. */
  group?: string;
  /** What stands for the value in the help; default `n` for numbers, `text` for text. */
  value?: string;
  /** What happens without it, where that is no default value. */
  usual?: string;
  /** The value of the bare flag, whose value may then be left out. */
  preset?: string;
};

const settingOf = (field: z.ZodType): Setting => z.toJSONSchema(field, { io: "input" }) as Setting;

/** `clipSkip` as `--clip-skip`. */
export const flagName = (option: string): string =>
  `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The flags of a setting: two of a truth value, to say yes and no. */
export function flagsOf(option: string, field: z.ZodType): Option[] {
  const setting = settingOf(field);
  const flag = flagName(option);
  const help = describe(setting);
  if (setting.type === "boolean")
    return [
      new Option(flag, help),
      new Option(flag.replace("--", "--no-"), `the opposite${setting.default ? "" : "; the default"}`),
    ];
  const value = setting.value ?? (isNumber(setting) ? "n" : "text");
  const made = new Option(`${flag} ${setting.preset === undefined ? `<${value}>` : `[${value}]`}`, help);
  if (setting.preset !== undefined) made.preset(setting.preset);
  return [made.argParser(readerOf(setting))];
}

/** Adds the flags of a schema's settings of one group: help, default, bounds and errors are the schema's. */
export function addGroup(command: Command, schema: z.ZodObject, group: string): Command {
  command.optionsGroup(`${group}:`);
  for (const [option, field] of Object.entries(schema.shape))
    if (settingOf(field as z.ZodType).group === group)
      for (const flag of flagsOf(option, field as z.ZodType)) command.addOption(flag);
  return command;
}

/** Reads a setting's text; commander shows the error with the flag. */
export function readerOf(setting: Setting): (text: string) => unknown {
  const { type, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = setting;
  if (setting.enum) return oneOf(setting.enum as string[]);
  if (isNumber(setting)) return number(minimum, maximum, { whole: type === "integer" });
  return type === "array" ? numberList : String;
}

const isNumber = ({ type }: Setting): boolean => type === "number" || type === "integer";

function describe({
  description = "",
  enum: words,
  default: value,
  usual = value as string,
}: Setting): string {
  const choices = words ? `: ${words.join(", ")}` : "";
  const told = [undefined, false, ""].includes(usual) ? "" : `; default: ${usual}`;
  return `${description.replaceAll("`", "")}${choices}${told}`;
}

/**
 * What a library says of its options, in the words of the command line: names of settings become flags, those that are
 * plain words only where the error is about them.
 */
export function inFlags(schema: z.ZodObject, message: string, option?: string): string {
  const names = Object.keys(schema.shape).filter((name) => /[A-Z]/.test(name) || name === option);
  return message.replace(new RegExp(`\\b(${names.join("|")})\\b`, "g"), flagName);
}
