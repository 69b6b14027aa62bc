import { ControlNetError } from "@controlnet-js/core";
import { samplerNameOf } from "@controlnet-js/samplers";
import type { SampleParameters } from "./sample-parameters.js";

/**
 * Checks what can be told before any file is opened: that nothing is asked for twice, or without what it needs.
 * @throws ControlNetError `config`, `missing` or `range`, in the words of the command line
 */
export function checkParameters(parameters: SampleParameters): void {
  checkPrompt(parameters);
  checkImage(parameters);
  checkSampler(parameters);
  if (parameters.guessMode !== "off" && parameters.controls.length === 0)
    refuse(
      "config",
      "--guess-mode guesses from the maps of ControlNets: give a --control, or --guess-mode off",
    );
  for (const { path, image, option, weights } of parameters.controls)
    if (image === undefined && (option ?? weights) !== undefined)
      refuse(
        "config",
        `--control ${path}: ${option ? "--option" : "--weights"} says how a map is made: give --image PHOTO`,
      );
}

/**
 * Checks that there will be a map to keep.
 * @throws ControlNetError `config`
 */
export function checkSaveMaps({ controls }: SampleParameters): void {
  if (!controls.some(({ image, condition }) => image !== undefined && condition !== "inpaint"))
    refuse(
      "config",
      "--save-maps keeps what is made of --image PHOTO after a --control, and there is none; the map of inpaint fits no file",
    );
}

const refuse = (code: "config" | "missing" | "range", message: string): never => {
  throw new ControlNetError(code, `controlnet sample: ${message}`);
};

function checkPrompt(parameters: SampleParameters): void {
  const { prompt, promptEmbeds, promptSetting, captioner } = parameters;
  const isMade = promptSetting !== undefined && promptSetting !== "user";
  if (isMade && (prompt !== undefined || promptEmbeds !== undefined))
    refuse(
      "config",
      `--prompt-setting ${promptSetting} makes the prompt itself: leave ${prompt === undefined ? "--prompt-embeds" : "--prompt"} out`,
    );
  if (prompt !== undefined && promptEmbeds !== undefined)
    refuse("config", "expected --prompt or --prompt-embeds, got both");
  if (prompt === undefined && promptEmbeds === undefined && !isMade)
    refuse("missing", 'expected a prompt: --prompt TEXT, may it be "", --prompt-setting or --prompt-embeds');
  const ofPrompts = {
    "--clip-skip": parameters.clipSkip > 0,
    "--negative-clip-skip": parameters.negativeClipSkip > 0,
    "--long-prompts": parameters.longPrompts,
  };
  const [flag] = Object.entries(ofPrompts).find(([, isGiven]) => isGiven) ?? [];
  if (promptEmbeds !== undefined && flag !== undefined)
    refuse("config", `${flag} belongs to --prompt: --prompt-embeds are taken as they are`);
  if (promptSetting === "automatic" && captioner === undefined)
    refuse("missing", "--prompt-setting automatic needs --captioner FOLDER, an image-to-text model");
  if (promptSetting !== "automatic" && captioner !== undefined)
    refuse("config", "--captioner belongs to --prompt-setting automatic");
}

function checkImage({ initImage, initLatents, mask, denoise, imageGuidance, steps }: SampleParameters): void {
  const given = { "--mask": mask, "--denoise": denoise, "--image-guidance": imageGuidance };
  const [flag] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (initImage === undefined && initLatents === undefined && flag !== undefined)
    refuse("missing", `${flag} needs the picture to begin with: --init-image PICTURE`);
  if (denoise !== undefined) checkDenoise(denoise, steps);
}

/**
 * Checks that there is a step to run.
 * @throws ControlNetError `range`
 */
export function checkDenoise(denoise: number, steps: number): void {
  if (Math.floor(steps * denoise) < 1)
    refuse(
      "range",
      `--denoise ${denoise} leaves none of ${steps} ${steps === 1 ? "step" : "steps"}; raise it to at least ${1 / steps}, or --steps`,
    );
}

function checkSampler({ sampler, samplerOptions, eta }: SampleParameters): void {
  for (const key of ["steps", "eta"])
    if (Object.hasOwn(samplerOptions, key))
      refuse("config", `--sampler-option ${key}=...: give it as --${key}`);
  if (eta === undefined || eta === 0 || typeof sampler !== "string" || sampler.endsWith(".json")) return;
  const name = samplerNameOf(sampler);
  if (name !== "ddim" && name !== "tcd")
    refuse("config", `--eta belongs to the samplers ddim and tcd, not to ${name}; leave it out`);
}
