import { readFileSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";
import { readPngText } from "@controlnet-js/pipeline/node";
import { z } from "zod";

const controlSchema = z.object({
  path: z.string().describe("a folder or file of a ControlNet"),
  map: z.string().optional().describe("a map that is ready ..."),
  image: z.string().optional().describe("... or a picture whose map is made"),
  condition: z.string().optional().describe("how it is made; default: as the ControlNet was trained"),
  strength: z.number().default(1),
  start: z.number().default(0),
  end: z.number().default(1),
});

/** Everything that decides a picture. It is kept inside the PNG and in the JSON beside it; paths are as given. */
export const sampleParametersSchema = z.object({
  model: z.string().default("tinyworld"),
  config: z.string().optional(),
  tokenizer: z.string().optional(),
  /** Left out where `promptEmbeds` are given. */
  prompt: z.string().optional(),
  negative: z.string().default(""),
  promptEmbeds: z.string().optional(),
  controls: z.array(controlSchema).default([]),
  /** A name, the path of a `scheduler_config.json`, or, in a picture, what that file held. */
  sampler: z.union([z.string(), z.record(z.string(), z.unknown())]).default("ddim"),
  steps: z.number().int().positive().default(20),
  guidance: z.number().default(9),
  guidanceRescale: z.number().default(0),
  guessMode: z.enum(["off", "diffusers", "original"]).default("off"),
  seed: z.number().int().nonnegative().default(0),
  batch: z.number().int().positive().optional(),
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  latents: z.string().optional(),
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
  const { ranOn, ...parameters } = found.data;
  return { parameters, ranOn };
}

const madeWithSchema = sampleParametersSchema.extend({ ranOn: z.string().optional() });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * What was given, over what a picture was made with, over the defaults. What is given in another way takes the place of
 * what it contradicts: a prompt of embeddings, a size or batch of latents, and the other way round.
 */
export function mergeParameters(given: GivenParameters, before: GivenParameters = {}): SampleParameters {
  const kept = { ...before };
  const replace = (keys: readonly (keyof GivenParameters)[], others: readonly (keyof GivenParameters)[]) => {
    if (keys.some((key) => given[key] !== undefined)) for (const key of others) delete kept[key];
  };
  replace(["prompt"], ["promptEmbeds"]);
  replace(["promptEmbeds"], ["prompt", "batch"]);
  replace(["width", "height", "batch"], ["latents"]);
  replace(["latents"], ["width", "height", "batch"]);
  const told = Object.entries(given).filter(([, value]) => value !== undefined);
  return sampleParametersSchema.parse({ ...kept, ...Object.fromEntries(told) });
}
