import { readFileSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";
import { linkChoices, linkWeightings, promptSettings } from "@controlnet-js/pipeline";
import { readPngText } from "@controlnet-js/pipeline/node";
import * as z from "zod";

/** One ControlNet; every key but `path` is the option of its name that follows `--control`. */
const controlSchema = z.object({
  /** A folder or file of a ControlNet. */
  path: z.string(),
  map: z.string().optional(),
  image: z.string().optional(),
  condition: z.string().optional(),
  /** `key=value` texts. */
  option: z.array(z.string()).optional(),
  /** Paths, or `part=path`. */
  weights: z.array(z.string()).optional(),
  strength: z.number().default(1),
  start: z.number().default(0),
  end: z.number().default(1),
  weighting: z.enum(linkWeightings).optional(),
  links: z.enum(linkChoices).optional(),
  layers: z.array(z.number()).optional(),
  half: z.enum(["both", "conditional"]).optional(),
  /** The option `--control-mask`. */
  mask: z.string().optional(),
});

/** Everything that decides a picture. It is kept inside the PNG and in the JSON beside it; paths are as given. */
export const sampleParametersSchema = z.object({
  model: z.string().default("tinyworld"),
  config: z.string().optional(),
  tokenizer: z.string().optional(),
  /** Left out where `promptEmbeds` are given, or `promptSetting` makes it. */
  prompt: z.string().optional(),
  negative: z.string().default(""),
  promptSetting: z.enum(promptSettings).optional(),
  captioner: z.string().optional(),
  promptEmbeds: z.string().optional(),
  clipSkip: z.number().int().nonnegative().default(0),
  negativeClipSkip: z.number().int().nonnegative().default(0),
  longPrompts: z.boolean().default(false),
  initImage: z.string().optional(),
  initLatents: z.string().optional(),
  mask: z.string().optional(),
  denoise: z.number().optional(),
  imageGuidance: z.number().optional(),
  controls: z.array(controlSchema).default([]),
  /** A name, the path of a `scheduler_config.json`, or, in a picture, what that file held. */
  sampler: z.union([z.string(), z.record(z.string(), z.unknown())]).default("ddim"),
  samplerOptions: z.record(z.string(), z.unknown()).default({}),
  eta: z.number().optional(),
  steps: z.number().int().positive().default(20),
  guidance: z.number().default(9),
  guidanceRescale: z.number().default(0),
  guessMode: z.enum(["off", "diffusers", "original"]).default("off"),
  seed: z.number().int().nonnegative().default(0),
  batch: z.number().int().positive().optional(),
  first: z.number().int().nonnegative().default(0),
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  latents: z.string().optional(),
  /** Pixels along a tile's side, `true` for the autoencoder's own, `false` for none. */
  tiles: z.union([z.boolean(), z.number().int().positive()]).default(false),
  engine: z.string().default("auto"),
});

/** One ControlNet of `controlnet sample`, with where its map comes from. */
export type ControlArgument = z.output<typeof controlSchema>;

/** Parameters with every default filled in. */
export type SampleParameters = z.output<typeof sampleParametersSchema>;

/** Parameters as given. */
export type GivenParameters = { [K in keyof SampleParameters]?: SampleParameters[K] | undefined };

/** The text entry of a PNG that holds its parameters. */
export const parametersKeyword = "parameters";

/** What a picture of `controlnet sample` tells of how it was made. */
export interface MadeWith {
  parameters: GivenParameters;
  /** The engine that computed it. */
  ranOn: string | undefined;
  /** The SHA-256 of the files that it was made of, by their paths. */
  files: Readonly<Record<string, string>>;
}

/**
 * Reads the parameters inside a PNG, or in the JSON file beside it.
 * @throws ControlNetError `io`, or `format` naming the file where it holds none
 */
export function readParameters(path: string): MadeWith {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  }
  const isPng = bytes.toString("latin1", 1, 4) === "PNG";
  const text = isPng ? readPngText(bytes, parametersKeyword) : bytes.toString("utf8");
  const found = madeWithSchema.safeParse(text === undefined ? undefined : parsed(text));
  if (!found.success)
    throw new ControlNetError(
      "format",
      `${path} holds no parameters of controlnet sample; expected one of its pictures, as it was written, or the JSON beside it`,
      { cause: found.error },
    );
  const { ranOn, files, ...parameters } = found.data;
  return { parameters, ranOn, files };
}

const madeWithSchema = sampleParametersSchema.extend({
  ranOn: z.string().optional(),
  files: z.record(z.string(), z.string()).default({}),
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What goes where something is given that takes its place or contradicts it. */
const replacements: readonly (readonly [
  given: readonly (keyof GivenParameters)[],
  gone: readonly (keyof GivenParameters)[],
])[] = [
  [["prompt"], ["promptEmbeds", "promptSetting", "captioner"]],
  [["promptSetting"], ["prompt", "promptEmbeds", "captioner"]],
  [
    ["promptEmbeds"],
    ["prompt", "batch", "promptSetting", "captioner", "clipSkip", "negativeClipSkip", "longPrompts"],
  ],
  [["width", "height", "batch"], ["latents"]],
  [["latents"], ["width", "height", "batch"]],
  [["width", "height", "initImage"], ["initLatents"]],
  [["initLatents"], ["initImage", "width", "height"]],
  [["sampler"], ["samplerOptions", "eta"]],
];

/**
 * What was given, over what a picture was made with, over the defaults. What is given in another way takes the place of
 * what it contradicts: a prompt of embeddings, a size or batch of latents, and the other way round.
 */
export function mergeParameters(given: GivenParameters, before: GivenParameters = {}): SampleParameters {
  const kept = { ...before };
  for (const [keys, gone] of replacements)
    if (keys.some((key) => given[key] !== undefined)) for (const key of gone) delete kept[key];
  const told = Object.entries(given).filter(([, value]) => value !== undefined);
  return sampleParametersSchema.parse({ ...kept, ...Object.fromEntries(told) });
}
