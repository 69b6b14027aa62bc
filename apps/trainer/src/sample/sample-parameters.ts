import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError, visible } from "@controlnet-js/core";
import { engineNames } from "@controlnet-js/engine";
import { controlSettings, runSettings } from "@controlnet-js/pipeline";
import { builtInConditions } from "@controlnet-js/preprocessors";
import { readPngText } from "@controlnet-js/preprocessors/node";
import * as z from "zod";
import { type ConditionName, namedByFile } from "../conditions/condition-name.js";
import { longestSide } from "../numbers.js";

/** A control as a picture holds it: what it says of the condition is text, which others may have written. */
type FoundControl = z.output<typeof controlSchema>;

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
  ...controlSettings.shape,
  /** The option `--control-mask`. */
  mask: z.string().optional(),
});

const path = (value: "file" | "folder") => (group: string, description: string) =>
  z.string().optional().meta({ group, value, description });
const file = path("file");
const folder = path("folder");
const side = z.number().int().min(1).max(longestSide);

/**
 * Everything that decides a picture: the flags of the command line with their help, and what is kept inside the PNG and in
 * the JSON beside it; paths are as given.
 */
export const sampleParametersSchema = z.object({
  model: z.string().default("tinyworld").meta({
    group: "Model",
    value: "path",
    description: "base model: tinyworld, a folder in diffusers' layout, or a file",
  }),
  config: file("Model", "the original code's model yaml, for single files of unusual size"),
  tokenizer: folder("Model", "the tokenizer of a single file; else found beside it"),
  engine: z
    .string()
    .default("auto")
    .meta({ group: "Model", value: "name", description: `the engine: ${engineNames.join(", ")}` }),
  /** Left out where `promptEmbeds` are given, or `promptSetting` makes it. */
  prompt: z.string().optional().meta({ group: "Prompt", description: "what to paint" }),
  negative: z.string().default("").meta({ group: "Prompt", description: "what to keep away from" }),
  captioner: folder("Prompt", "the image-to-text model of the automatic prompt"),
  promptEmbeds: file("Prompt", "safetensors with prompt_embeds, negative_prompt_embeds; no --prompt then"),
  initImage: file("Picture to begin with", "a picture to make anew, to paint in with --mask, or to edit"),
  initLatents: file(
    "Picture to begin with",
    "in place of the picture: safetensors, latents as --save-latents has them; masked_image_latents for inpainting models",
  ),
  mask: file("Picture to begin with", "where it is made anew: white; black is kept"),
  denoise: z.number().optional(),
  controls: z.array(controlSchema).max(100).default([]),
  /** A name, the path of a `scheduler_config.json`, or, in a picture, what that file held. */
  sampler: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .default("ddim")
    .meta({
      group: "Sampling",
      value: "name",
      description: "the sampler, or a scheduler_config.json to obey",
    }),
  samplerOptions: z.record(z.string(), z.unknown()).default({}),
  ...runSettings.shape,
  batch: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .meta({ group: "Sampling", usual: "1", description: "pictures to paint" }),
  first: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .default(0)
    .meta({ group: "Sampling", description: "number of the first: a picture depends on seed and number" }),
  width: side.optional(),
  height: side.optional(),
  latents: file("Sampling", "noise to begin with: safetensors, latents [n, channels, height/8, width/8]"),
  /** Pixels along a tile's side, `true` for the autoencoder's own, `false` for none. */
  tiles: z.union([z.boolean(), side]).default(false),
});

/** One ControlNet of `controlnet sample`, with where its map comes from. */
export type ControlArgument = Omit<FoundControl, "condition"> & { condition?: ConditionName | undefined };

/** Parameters with every default filled in. */
export type SampleParameters = Omit<FoundParameters, "controls"> & { controls: ControlArgument[] };

/** Parameters as given. */
export type GivenParameters = Given<SampleParameters>;

type Given<T> = { [K in keyof T]?: T[K] | undefined };

/** Parameters as a picture holds them. */
type FoundParameters = z.output<typeof sampleParametersSchema>;

/** The most bytes of a picture that is made again, or of the JSON beside it. */
const PICTURE_LIMIT = 2 ** 28;

/** The text entry of a PNG that holds its parameters. */
export const parametersKeyword = "parameters";

/** What a picture of `controlnet sample` tells of how it was made. */
export interface MadeWith {
  parameters: Given<FoundParameters>;
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
  const bytes = readRegularFile(path, PICTURE_LIMIT);
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
 * @param before what a picture says: of its conditions only built-in ones count
 * @throws ControlNetError `missing` where it names another one to make a map with
 */
export function mergeParameters(
  given: GivenParameters,
  before: Given<FoundParameters> = {},
): SampleParameters {
  const kept = { ...before };
  for (const [keys, gone] of replacements)
    if (keys.some((key) => given[key] !== undefined)) for (const key of gone) delete kept[key];
  const told = Object.entries(given).filter(([, value]) => value !== undefined);
  const controls = given.controls ?? kept.controls?.map(ofFile);
  const parsed = sampleParametersSchema.parse({ ...kept, ...Object.fromEntries(told), controls });
  return parsed as SampleParameters;
}

/** A picture's word for a control. A ready map needs no condition, so that one which isn't built in goes. */
function ofFile({ condition, ...control }: FoundControl): ControlArgument {
  if (condition === undefined) return control;
  const isReady = control.map !== undefined && !Object.hasOwn(builtInConditions, condition);
  if (isReady) return control;
  const { path, image } = control;
  const again = `--control ${path}${image === undefined ? "" : ` --image ${image}`} --condition FILE`;
  return {
    ...control,
    condition: namedByFile(condition, "controlnet sample: --from: the picture", visible(again)),
  };
}
