import { Command } from "commander";
import { addDetectCommand } from "./detect-command.js";

/** The command line with `controlnet detect` alone. */
export function createProgram(): Command {
  const program = new Command("controlnet");
  addDetectCommand(program);
  return program;
}
