import { type Command, InvalidArgumentError, Option } from "commander";
import { number } from "../numbers.js";
import type { ControlArgument } from "./sample-parameters.js";

type OwnKey = Exclude<keyof ControlArgument, "path">;

/**
 * Adds `--control` and the options that belong to the `--control` before them; all may stand several times.
 * @returns the ControlNets, which fill up while the command line is read
 */
export function addControlOptions(command: Command): ControlArgument[] {
  const controls: ControlArgument[] = [];
  const toLast = <K extends OwnKey>(flags: string, key: K, read: (text: string) => ControlArgument[K]) => {
    const option = new Option(flags, descriptions[key]).argParser((text: string) => {
      const control = controls[controls.length - 1];
      if (!control) throw new InvalidArgumentError("it belongs after the --control that it is for");
      control[key] = read(text);
    });
    command.addOption(option);
  };
  command.option("--control <path>", "a ControlNet: a folder or a file; after it its own", (path: string) => {
    controls.push({ path, strength: 1, start: 0, end: 1 });
  });
  toLast("--map <map>", "map", String);
  toLast("--image <photo>", "image", String);
  toLast("--condition <name>", "condition", String);
  toLast("--strength <s>", "strength", number(0, 10));
  toLast("--start <p>", "start", number(0, 1));
  toLast("--end <p>", "end", number(0, 1));
  return controls;
}

const descriptions: Readonly<Record<OwnKey, string>> = {
  map: "  a map that is ready, or",
  image: "  a picture whose map is made",
  condition: "  how it is made; default: as the ControlNet was trained",
  strength: "  factor of what it adds; default 1",
  start: "  from this part of the run on; default 0",
  end: "  to this part of the run; default 1",
};
