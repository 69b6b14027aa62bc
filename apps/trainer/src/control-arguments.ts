import { ControlNetError } from "@controlnet-js/core";
import type { ControlArgument } from "./sample.js";

/** Options that belong to the `--control` before them. */
const perControl = ["--condition", "--image", "--map", "--strength", "--start", "--end"];

/**
 * Takes each `--control FOLDER` with the options after it out of the command line, since they may stand several times.
 * @returns the ControlNets in order, and all other arguments
 * @throws ControlNetError `config`
 */
export function takeControls(args: readonly string[]): { controls: ControlArgument[]; rest: string[] } {
  const controls: ControlArgument[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [option, inline] = args[i]!.split(/=(.*)/s) as [string, string?];
    const value = () => {
      const next = inline ?? args[++i];
      if (next === undefined)
        throw new ControlNetError("config", `controlnet sample: ${option} needs a value`);
      return next;
    };
    if (option === "--control") controls.push({ folder: value(), strength: 1, start: 0, end: 1 });
    else if (perControl.includes(option)) {
      const control = controls[controls.length - 1];
      if (!control)
        throw new ControlNetError(
          "config",
          `controlnet sample: ${option} belongs after the --control that it is for`,
        );
      assign(control, option.slice(2), value());
    } else rest.push(args[i]!);
  }
  return { controls, rest };
}

function assign(control: ControlArgument, key: string, text: string): void {
  if (key === "strength" || key === "start" || key === "end") {
    const value = Number(text);
    const high = key === "strength" ? 10 : 1;
    if (text.trim() === "" || !(value >= 0 && value <= high))
      throw new ControlNetError(
        "config",
        `controlnet sample: --${key} expects a number in [0, ${high}], got "${text}"`,
      );
    control[key] = value;
  } else control[key as "condition" | "image" | "map"] = text;
}
