import { ControlNetError } from "@controlnet-js/core";
import {
  convertModel,
  initControlNet,
  inspectModel,
  partNames,
  transferControlNet,
} from "@controlnet-js/models/node";
import { type Command, Option } from "commander";
import { number } from "../numbers.js";
import { print as log, printLine, printText } from "../print.js";
import { describeInspection } from "./describe-inspection.js";
import { readModelYaml } from "./read-model-yaml.js";

const configOption = [
  "--config <file>",
  "the original code's model yaml, for single files of unusual size",
] as const;
const halfOption = ["--half", "write half precision", false] as const;

const configOf = ({ config }: { config?: string }) =>
  config === undefined ? {} : { config: readModelYaml(config) };

/** Adds the commands that work on files of models: inspect, convert, init, transfer. None needs an engine. */
export function addModelCommands(program: Command): void {
  addInspect(program);
  addConvert(program);
  addInit(program);
  addTransfer(program);
}

function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("tell what a file or folder of models is: kind, version, every tensor")
    .argument("<path>", "a .safetensors, .ckpt, .pth or .bin file, or a folder in diffusers' layout")
    .option("--json", "for machines", false)
    .option("--hash", "add the SHA-256 of each tensor's bytes", false)
    .addHelpText(
      "after",
      `
Examples:
  controlnet inspect control_sd15_canny.pth
  controlnet inspect models/sd15 --json --hash`,
    )
    .action((path: string, { json, hash }: { json: boolean; hash: boolean }) => {
      const inspection = inspectModel(path, { hash });
      if (json) printLine(inspection, 2);
      else printText(describeInspection(inspection));
    });
}

function addConvert(program: Command): void {
  program
    .command("convert")
    .description("convert between the original code's and diffusers' forms, bit by bit; take parts out")
    .argument("<in>", "a file or folder")
    .requiredOption(
      "--out <path>",
      "FILE.safetensors for ldm; a folder for diffusers, or FILE.safetensors for one part",
    )
    .addOption(
      new Option("--to <form>", "the form to write").choices(["diffusers", "ldm"]).makeOptionMandatory(),
    )
    .addOption(
      new Option("--part <name>", "what to take; default: all that is there").choices([
        ...Object.keys(partNames),
        "full",
      ]),
    )
    .option(...halfOption)
    .option("--ema", "take the moving average of the weights, where the file has one", false)
    .option(...configOption)
    .option("--tokenizer <folder>", "vocab.json and merges.txt, for a diffusers folder made of a single file")
    .addHelpText(
      "after",
      `
Examples:
  controlnet convert v1-5-pruned.ckpt --to diffusers --out models/sd15 --tokenizer clip-vit-large-patch14
  controlnet convert control_sd15_canny.pth --to ldm --part control --half --out canny.safetensors
  controlnet convert out/quickstart/controlnet --to ldm --out my-control.safetensors`,
    )
    .action(async (input: string, { out, config, ...options }) => {
      if (options.to === "ldm" && options.tokenizer !== undefined)
        throw new ControlNetError(
          "config",
          "controlnet convert: --tokenizer belongs to --to diffusers: the original code's form holds no tokenizer",
        );
      const { parts } = await convertModel(input, out, { ...options, ...configOf({ config }), log });
      for (const { part, tensors } of parts) log(`${part}: ${tensors} tensors`);
      log(out);
    });
}

function addInit(program: Command): void {
  program
    .command("init")
    .description("make a fresh ControlNet for a base model: its encoder copied, links of zeros")
    .requiredOption("--base <path>", "the base model, of any form")
    .requiredOption("--out <path>", "a folder for diffusers' form, FILE.safetensors for the original code's")
    .option("--hint-channels <n>", "channels of the control map", number(1, 1024, { whole: true }), 3)
    .option("--seed <n>", "of the hint encoder", number(0, Number.MAX_SAFE_INTEGER, { whole: true }), 0)
    .option(...halfOption)
    .option(...configOption)
    .addHelpText(
      "after",
      `
Examples:
  controlnet init --base v1-5-pruned.ckpt --out control-start.safetensors
  controlnet init --base models/sd15 --out runs/start --hint-channels 6`,
    )
    .action(async ({ base, out, config, ...options }) => {
      await initControlNet(base, out, { ...options, ...configOf({ config }), log });
      log(out);
    });
}

function addTransfer(program: Command): void {
  program
    .command("transfer")
    .description("move a ControlNet to another base: p_control + p_base_new - p_base_old")
    .requiredOption("--control <path>", "the ControlNet, of any form")
    .requiredOption("--from <path>", "the base model that it was trained with")
    .requiredOption("--to <path>", "the base model that it is to work with")
    .requiredOption("--out <path>", "a folder for diffusers' form, FILE.safetensors for the original code's")
    .option(...halfOption)
    .addHelpText(
      "after",
      `
Examples:
  controlnet transfer --control canny.pth --from v1-5.ckpt --to anime.safetensors --out anime-canny.safetensors`,
    )
    .action(async (options) => {
      await transferControlNet({ ...options, log });
      log(options.out);
    });
}
