import { type Command, InvalidArgumentError, Option } from "commander";
import { pictureSize } from "../numbers.js";
import { printLine } from "../print.js";
import { addGroup } from "../schema-flags.js";
import { addControlOptions } from "./control-arguments.js";
import { keyAndValue, share, tileSide } from "./read-flags.js";
import { sample } from "./sample.js";
import {
  type GivenParameters,
  mergeParameters,
  readParameters,
  sampleParametersSchema,
} from "./sample-parameters.js";

/** The flags of `controlnet sample` as commander gives them. */
interface SampleFlags extends Omit<GivenParameters, "width" | "height" | "controls" | "samplerOptions"> {
  size?: { width: number; height: number };
  samplerOption?: Record<string, unknown>;
  from?: string;
  out: string;
  saveLatents?: string;
  saveMaps?: string;
  json: boolean;
}

const collect = (text: string, before: Record<string, unknown> = {}): Record<string, unknown> => {
  const [key, value] = keyAndValue(text);
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`"${key}" is given twice`);
  return { ...before, [key]: value };
};

/** Adds `controlnet sample`. */
export function addSampleCommand(program: Command): void {
  const command = program
    .command("sample")
    .description("paint pictures from prompts, maps and pictures, with any number of ControlNets");
  const add = (group: string) => addGroup(command, sampleParametersSchema, group);
  add("Model");
  add("Prompt");
  const controls = addControlOptions(command.optionsGroup("ControlNets:"));
  addImageOptions(add("Picture to begin with"));
  addRunOptions(add("Sampling"));
  addOutputOptions(command.optionsGroup("Output:"));
  command
    .optionsGroup("Options:")
    .addHelpText("after", examples)
    .action(
      async ({ from, out, saveLatents, saveMaps, json, size, samplerOption, ...flags }: SampleFlags) => {
        const before = from === undefined ? undefined : readParameters(from);
        const given = {
          ...flags,
          ...size,
          samplerOptions: samplerOption,
          controls: controls.length > 0 ? controls : undefined,
        };
        const parameters = mergeParameters(given, before?.parameters);
        const report = await sample({ parameters, out, saveLatents, saveMaps, before, from });
        if (json) printLine(report);
      },
    );
}

/** The flags whose text is more than a value of the schema. */
const addImageOptions = (command: Command): Command =>
  command.option("--denoise <part>", "how much is made anew, up to 1; default: 0.8, with --mask 1", share);

const addRunOptions = (command: Command): Command =>
  command
    .option(
      "--sampler-option <key=value>",
      "of the sampler, such as sigmas=karras; may stand several times",
      collect,
    )
    .option(
      "--size <WxH>",
      "size in pixels; default: the picture's, else the first map's, else the model's",
      pictureSize,
    )
    .addOption(
      new Option("--tiles [pixels]", "encode and decode tile by tile, for large pictures; off: whole")
        .argParser(tileSide)
        .preset("on"),
    );

const addOutputOptions = (command: Command): Command =>
  command
    .option("--from <picture>", "make this picture again; what else is given overrides")
    .option("--out <folder>", "where pictures go; none is overwritten", "out/sample")
    .option("--save-latents <file>", "keep the final latents: safetensors, latents, as diffusers gives them")
    .option("--save-maps <folder>", "keep the maps that are made of --image")
    .option("--json", "print one JSON document on stdout: files, parameters, what was applied", false);

const examples = `
Examples:
  controlnet sample --prompt "a red house in the snow" --control out/quickstart/controlnet --image photo.png
  controlnet sample --prompt "a blue car" --batch 4 --seed 7
  controlnet sample --model sd15 --prompt "a castle" --control canny --map edges.png --strength 0.8 --control pose --map pose.png --end 0.5
  controlnet sample --model v1-5.safetensors --control control_sd15_canny.pth --map edges.png --prompt "a fox" --sampler scheduler/scheduler_config.json
  controlnet sample --model sd15 --prompt "a castle at night" --init-image castle.png --denoise 0.6
  controlnet sample --model sd15-inpainting --prompt "a cat" --init-image bench.png --mask seat.png
  controlnet sample --model instruct-pix2pix --prompt "make it winter" --init-image street.png --image-guidance 1.6
  controlnet sample --from out/sample/picture-7-0.png --guidance 5`;
