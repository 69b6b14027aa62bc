import { parseOptions } from "@controlnet-js/core";
import * as z from "zod";
import { linkChoices, linkWeightings } from "./link-scales.js";

/**
 * The paper's prompt settings (section 4.1): `"none"`, the empty prompt; `"default"`, `defaultPrompt`; `"automatic"`, a
 * caption of what the default prompt gives, from which the picture is made again; `"user"`.
 */
export const promptSettings = ["none", "default", "automatic", "user"] as const;

/**
 * The settings of a run that are plain values. This is their only list: the options of `textToImage`, the flags of the
 * command line, the parameters inside pictures, the requests of a page and the table in the README follow from it.
 */
export const runSettings = z.object({
  promptSetting: z
    .enum(promptSettings)
    .optional()
    .meta({ group: "Prompt", value: "name", description: "the paper's, in place of prompts" }),
  clipSkip: z.number().int().min(0).max(100).default(0).meta({
    group: "Prompt",
    description:
      "last layers of the text encoder left out, as diffusers counts (`clip_skip`): web interfaces say 2 for 1",
  }),
  negativeClipSkip: z.number().int().min(0).max(100).default(0).meta({
    group: "Prompt",
    description: "the same of the negative prompt; web interfaces leave out as many as of the prompt",
  }),
  longPrompts: z.boolean().default(false).meta({
    group: "Prompt",
    description: "read long prompts in pieces, in place of cutting them off as diffusers does",
  }),
  eta: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ group: "Sampling", usual: "0", description: "noise of ddim and tcd" }),
  steps: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .meta({ group: "Sampling", description: "denoising steps" }),
  guidance: z.number().default(9).meta({
    group: "Sampling",
    value: "beta",
    minimum: 0,
    maximum: 1000,
    description: "classifier-free guidance, `eps_uc + beta (eps_c - eps_uc)`; 1: none",
  }),
  guidanceRescale: z.number().min(0).max(1).default(0).meta({
    group: "Sampling",
    value: "phi",
    description: "how far guidance's rise in contrast is taken back",
  }),
  imageGuidance: z.number().min(1).max(1000).optional().meta({
    group: "Picture to begin with",
    value: "s",
    usual: "1.5",
    description: "models that edit by instruction: how closely to keep to the picture",
  }),
  guessMode: z.enum(["off", "original", "diffusers"]).default("off").meta({
    group: "Sampling",
    value: "form",
    preset: "diffusers",
    description: "guess the content from the maps alone, as the original code or diffusers does",
  }),
  seed: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .meta({ group: "Sampling", description: "seed of all noise" }),
});

/** The settings of one ControlNet in a run that are plain values; as {@link runSettings}. */
export const controlSettings = z.object({
  strength: z.number().min(0).max(10).default(1).meta({ value: "s", description: "factor of what it adds" }),
  start: z.number().min(0).max(1).default(0).meta({ value: "p", description: "from this part of the run" }),
  end: z.number().min(0).max(1).default(1).meta({ value: "p", description: "to this part of the run" }),
  weighting: z.enum(linkWeightings).optional().meta({
    value: "kind",
    usual: "even, but in guess mode",
    description: "how its links weigh against each other; resolution is the paper's CFG-RW",
  }),
  links: z
    .enum(linkChoices)
    .optional()
    .meta({ value: "which", usual: "all", description: "the links that are connected" }),
  layers: z.array(z.number()).max(1000).optional().meta({
    value: "numbers",
    description: "a factor for each link, the middle block's last: 13 for Stable Diffusion",
  }),
  half: z.enum(["both", "conditional"]).optional().meta({
    value: "which",
    usual: "by guess mode and weighting",
    description: "the half of guidance that it controls",
  }),
});

/** Settings as they are given: each may be left out. */
export type RunSettings = z.input<typeof runSettings>;

/** One of {@link promptSettings}. */
export type PromptSetting = (typeof promptSettings)[number];

/** Settings of a ControlNet as they are given. */
export type ControlSettings = z.input<typeof controlSettings>;

/**
 * The settings of a schema among some options, with defaults filled in.
 * @param where begins the message of an error
 * @throws ControlNetError `config`; its `option` names the setting
 */
export function settled<S extends z.ZodObject>(where: string, schema: S, options: z.input<S>): z.output<S> {
  const given = Object.entries(options as object).filter(
    ([key, value]) => value !== undefined && Object.hasOwn(schema.shape, key),
  );
  return parseOptions(where, schema, Object.fromEntries(given));
}
