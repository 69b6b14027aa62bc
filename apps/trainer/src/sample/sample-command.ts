import { engineNames } from "@controlnet-js/engine";
import { type Command, Option } from "commander";
import { number, pictureSize } from "../numbers.js";
import { addControlOptions } from "./control-arguments.js";
import { sample } from "./sample.js";
import { type GivenParameters, mergeParameters, readParameters } from "./sample-parameters.js";

/** The flags of `controlnet sample` as commander gives them. */
interface SampleFlags extends Omit<GivenParameters, "width" | "height" | "controls"> {
  size?: { width: number; height: number };
  from?: string;
  out: string;
  saveLatents?: string;
  json: boolean;
}

/** Adds `controlnet sample`. */
export function addSampleCommand(program: Command): void {
  const command = program
    .command("sample")
    .description("paint pictures, with any number of ControlNets")
    .option("--model <path>", 'base model: "tinyworld" (default), a folder in diffusers\' layout, or a file')
    .option("--prompt <text>", "what to paint")
    .option("--negative <text>", "what to keep away from")
    .option("--sampler <name>", "the sampler, or a scheduler_config.json to obey; default: ddim")
    .option("--steps <n>", "sampling steps; default: 20", number(1, 1000, { whole: true }))
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
    .option(
      "--seed <n>",
      "seed of all noise; default: 0",
      number(0, Number.MAX_SAFE_INTEGER, { whole: true }),
    )
    .option("--batch <n>", "pictures to paint; default: 1", number(1, 1000, { whole: true }))
    .option("--size <WxH>", "size in pixels; default: the first map's, else the model's own", pictureSize);
  const controls = addControlOptions(command);
  command
    .option("--latents <file>", "noise to begin with: safetensors, latents [n, channels, height/8, width/8]")
    .option(
      "--prompt-embeds <file>",
      "safetensors with prompt_embeds, negative_prompt_embeds; no --prompt then",
    )
    .option("--config <file>", "the original code's model yaml, for single files of unusual size")
    .option("--tokenizer <folder>", "the tokenizer of a single file; default: found beside it")
    .option("--from <picture>", "make this picture again; what else is given overrides")
    .option("--out <folder>", "where pictures go", "out/sample")
    .option("--save-latents <file>", "keep the final latents: safetensors, latents, as diffusers gives them")
    .option("--json", "print one JSON document on stdout: files, parameters, what was applied", false)
    .option("--engine <name>", `the engine: ${engineNames.join(", ")}; default: auto`)
    .addHelpText(
      "after",
      `
Examples:
  controlnet sample --prompt "a red house in the snow" --control out/quickstart/controlnet --image photo.png
  controlnet sample --prompt "a blue car" --batch 4 --seed 7
  controlnet sample --model sd15 --prompt "a castle" --control canny --map edges.png --strength 0.8 --control pose --map pose.png --end 0.5
  controlnet sample --model v1-5.safetensors --control control_sd15_canny.pth --map edges.png --prompt "a fox" --sampler scheduler/scheduler_config.json
  controlnet sample --from out/sample/picture-7-0.png --guidance 5`,
    )
    .action(async ({ from, out, saveLatents, json, size, ...flags }: SampleFlags) => {
      const before = from === undefined ? undefined : readParameters(from);
      const parameters = mergeParameters(
        { ...flags, ...size, ...(controls.length > 0 && { controls }) },
        before?.parameters,
      );
      const report = await sample({ parameters, out, saveLatents, ranOn: before?.ranOn });
      if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
    });
}
