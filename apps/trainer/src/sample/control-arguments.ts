import { controlSettings } from "@controlnet-js/pipeline";
import { type Command, InvalidArgumentError, Option } from "commander";
import { namedByUser } from "../conditions/condition-name.js";
import { flagsOf } from "../schema-flags.js";
import { keyAndValue } from "./read-flags.js";
import type { ControlArgument } from "./sample-parameters.js";

type OwnKey = Exclude<keyof ControlArgument, "path">;

/**
 * Adds `--control` and the options that belong to the `--control` before them; all may stand several times.
 * @returns the ControlNets, which fill up while the command line is read
 */
export function addControlOptions(command: Command): ControlArgument[] {
  const controls: ControlArgument[] = [];
  /** What the newest of them was given. */
  const given = new Set<string>();
  const once = (name: string) => {
    if (given.has(name)) throw new InvalidArgumentError(`${name} was given to this --control before`);
    given.add(name);
  };
  command.option("--control <path>", "a ControlNet: a folder or a file; after it its own", (path: string) => {
    controls.push({ path, strength: 1, start: 0, end: 1 });
    given.clear();
  });
  const own = (
    flags: string,
    description: string,
    take: (control: ControlArgument, text: string) => void,
  ) => {
    const option = new Option(flags, `  ${description}`).argParser((text: string) => {
      const control = controls[controls.length - 1];
      if (!control) throw new InvalidArgumentError("it belongs after the --control that it is for");
      take(control, text);
    });
    command.addOption(option);
  };
  const toLast = <K extends OwnKey>(
    flags: string,
    key: K,
    description: string,
    read: (text: string) => ControlArgument[K],
  ) =>
    own(flags, description, (control, text) => {
      once(flags.split(" ")[0]!);
      control[key] = read(text);
    });
  const toList = (
    flags: string,
    key: "option" | "weights",
    description: string,
    read: (text: string) => string,
  ) =>
    own(flags, description, (control, text) => {
      control[key] = [...(control[key] ?? []), read(text)];
    });
  toLast("--map <map>", "map", "a map that is ready, or", String);
  toLast("--image <photo>", "image", "a picture whose map is made", String);
  toLast(
    "--condition <name>",
    "condition",
    "how it is made: a built-in condition, or your own module, whose code is run; default: as the ControlNet was trained; inpaint takes --init-image and --mask",
    namedByUser,
  );
  toList("--option <key=value>", "option", "an option of the condition, as of detect", (text) => {
    once(`"${keyAndValue(text)[0]}"`);
    return text;
  });
  toList("--weights <path>", "weights", "the condition's network, as of detect", String);
  toLast("--control-mask <file>", "mask", "where it works: white inside, black outside", String);
  for (const key of Object.keys(controlSettings.shape) as (keyof typeof controlSettings.shape)[]) {
    const [{ flags, description, parseArg }] = flagsOf(key, controlSettings.shape[key]) as [Option];
    toLast(flags, key, description, (text) => parseArg!(text, undefined) as never);
  }
  return controls;
}
