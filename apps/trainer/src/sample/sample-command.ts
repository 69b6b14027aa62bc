import { engineNames } from "@controlnet-js/engine";
import { promptSettings } from "@controlnet-js/pipeline";
import { type Command, InvalidArgumentError, Option } from "commander";
import { number, pictureSize } from "../numbers.js";
import { printLine } from "../print.js";
import { addControlOptions } from "./control-arguments.js";
import { keyAndValue, oneOf, share, tileSide } from "./read-flags.js";
import { sample } from "./sample.js";
import { type GivenParameters, mergeParameters, readParameters } from "./sample-parameters.js";

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

const whole = (low: number, high: number) => number(low, high, { whole: true });
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
  addModelOptions(command.optionsGroup("Model:"));
  addPromptOptions(command.optionsGroup("Prompt:"));
  const controls = addControlOptions(command.optionsGroup("ControlNets:"));
  addImageOptions(command.optionsGroup("Picture to begin with:"));
  addRunOptions(command.optionsGroup("Sampling:"));
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

const addModelOptions = (command: Command): Command =>
  command
    .option("--model <path>", 'base model: "tinyworld" (default), a folder in diffusers\' layout, or a file')
    .option("--config <file>", "the original code's model yaml, for single files of unusual size")
    .option("--tokenizer <folder>", "the tokenizer of a single file; default: found beside it")
    .option("--engine <name>", `the engine: ${engineNames.join(", ")}; default: auto`);

const addPromptOptions = (command: Command): Command =>
  command
    .option("--prompt <text>", "what to paint")
    .option("--negative <text>", "what to keep away from")
    .option(
      "--prompt-setting <name>",
      `the paper's, in place of --prompt: ${promptSettings.join(", ")}`,
      oneOf(promptSettings),
    )
    .option("--captioner <folder>", "the image-to-text model of the automatic prompt")
    .option(
      "--clip-skip <n>",
      "last layers of the text encoder left out, as diffusers counts: web interfaces say 2 for 1; default: 0",
      whole(0, 100),
    )
    .option(
      "--negative-clip-skip <n>",
      "the same of --negative; default: 0, as in diffusers; web interfaces: as --clip-skip",
      whole(0, 100),
    )
    .option("--long-prompts", "read long prompts in pieces, in place of cutting them off")
    .option("--no-long-prompts", "cut them off, as diffusers does; the default")
    .option(
      "--prompt-embeds <file>",
      "safetensors with prompt_embeds, negative_prompt_embeds; no --prompt then",
    );

const addImageOptions = (command: Command): Command =>
  command
    .option("--init-image <file>", "a picture to make anew, to paint in with --mask, or to edit")
    .option("--denoise <part>", "how much is made anew, up to 1; default: 0.8, with --mask 1", share)
    .option("--mask <file>", "where it is made anew: white; black is kept")
    .option(
      "--image-guidance <s>",
      "models that edit by instruction: how closely to keep to the picture; default: 1.5",
      number(1, 1000),
    )
    .option(
      "--init-latents <file>",
      "in place of the picture: safetensors, latents as --save-latents has them; masked_image_latents for inpainting models",
    );

const addRunOptions = (command: Command): Command =>
  command
    .option("--sampler <name>", "the sampler, or a scheduler_config.json to obey; default: ddim")
    .option(
      "--sampler-option <key=value>",
      "of the sampler, such as sigmas=karras; may stand several times",
      collect,
    )
    .option("--eta <n>", "noise of ddim and tcd; default: 0", number(0, 1))
    .option("--steps <n>", "sampling steps; default: 20", whole(1, 1000))
    .option(
      "--guidance <beta>",
      "classifier-free guidance; up to 1: none, as in diffusers; default: 9",
      number(0, 1000),
    )
    .option(
      "--guidance-rescale <phi>",
      "how far its rise in contrast is taken back; default: 0",
      number(0, 1),
    )
    .addOption(
      new Option("--guess-mode [form]", "guess the content from the maps; off: not; default form: diffusers")
        .choices(["diffusers", "original", "off"])
        .preset("diffusers"),
    )
    .option("--seed <n>", "seed of all noise; default: 0", whole(0, Number.MAX_SAFE_INTEGER))
    .option("--batch <n>", "pictures to paint; default: 1", whole(1, 1000))
    .option(
      "--first <n>",
      "number of the first: a picture depends on seed and number; default: 0",
      whole(0, 2 ** 31),
    )
    .option(
      "--size <WxH>",
      "size in pixels; default: the picture's, else the first map's, else the model's",
      pictureSize,
    )
    .option("--latents <file>", "noise to begin with: safetensors, latents [n, channels, height/8, width/8]")
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
