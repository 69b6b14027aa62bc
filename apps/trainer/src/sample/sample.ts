import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Applied } from "@controlnet-js/pipeline";
import { readSampler, samplePictures, saveLatents } from "@controlnet-js/pipeline/node";
import { readSchedulerConfig } from "@controlnet-js/samplers";
import { weightsFolder } from "@controlnet-js/tinyworld/node";
import { readModelYaml } from "../models/read-model-yaml.js";
import { createProgressBar } from "../progress-bar.js";
import { print, startEngine } from "../start-engine.js";
import { mapMaker } from "./control-map.js";
import type { SampleParameters } from "./sample-parameters.js";
import { writePictures } from "./write-pictures.js";

/** What to paint, and where it goes. */
export interface SampleRequest {
  parameters: SampleParameters;
  /** The folder of the pictures. */
  out: string;
  /** A safetensors file for the final latents. */
  saveLatents?: string | undefined;
  /** The engine that the picture was made with which is made again. */
  ranOn?: string | undefined;
}

/** What came of it; the document that `--json` prints. */
export interface SampleReport {
  /** The pictures, PNG; beside each lies its JSON. */
  files: string[];
  /** Where the final latents are. */
  latents?: string;
  /** The engine that computed. */
  engine: string;
  /** With what was left open filled in: what repeats it. */
  parameters: SampleParameters;
  applied: Applied;
  warnings: string[];
}

/**
 * Paints pictures and writes each as PNG with its parameters inside and as JSON beside it. Progress and warnings go to
 * stderr.
 * @throws ControlNetError naming the file or option, what was expected and what came
 */
export async function sample({ parameters, out, ...request }: SampleRequest): Promise<SampleReport> {
  const { model, config, controls, sampler, guessMode, width, height, ...rest } = parameters;
  const chosen = typeof sampler === "string" ? readSampler(sampler) : readSchedulerConfig(sampler);
  const maps = controls.map((control) => mapMaker(control, controls));
  const yaml = config === undefined ? undefined : readModelYaml(config);
  const { description } = await startEngine(parameters.engine);
  const bar = createProgressBar();
  const { images, latents, applied } = await samplePictures({
    ...defined(rest, ["prompt", "negative", "promptEmbeds", "latents", "batch", "tokenizer"]),
    model: model === "tinyworld" ? weightsFolder() : model,
    modelName: model,
    ...(yaml !== undefined && { config: yaml }),
    controls: controls.map(({ path, strength, start, end }, i) => ({
      net: path,
      map: maps[i]!,
      strength,
      start,
      end,
    })),
    sampler: chosen,
    ...(guessMode !== "off" && { guessMode }),
    ...(width !== undefined && height !== undefined && { size: { width, height } }),
    steps: rest.steps,
    guidance: Math.max(1, rest.guidance),
    guidanceRescale: rest.guidanceRescale,
    seed: rest.seed,
    log: print,
    onStep: ({ step, steps }) => bar.update(step + 1, steps, "painting"),
  }).finally(() => bar.end());
  try {
    const warnings = [...repeatWarnings(request.ranOn, description), ...applied.warnings];
    for (const warning of warnings) print(`warning: ${warning}`);
    if (request.saveLatents !== undefined) {
      await mkdir(dirname(request.saveLatents), { recursive: true });
      await saveLatents(request.saveLatents, latents);
    }
    const settled: SampleParameters = {
      ...parameters,
      sampler: typeof chosen === "string" ? chosen : { ...chosen.json },
      batch: images.length,
      width: applied.width,
      height: applied.height,
    };
    const files = await writePictures(out, images, { ...settled, ranOn: description, applied });
    for (const file of files) print(file);
    return {
      files,
      ...(request.saveLatents !== undefined && { latents: request.saveLatents }),
      engine: description,
      parameters: settled,
      applied,
      warnings,
    };
  } finally {
    latents.dispose();
  }
}

/** The named entries that are there. */
function defined<T extends object, K extends keyof T>(
  from: T,
  keys: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as {
    [P in K]?: Exclude<T[P], undefined>;
  };
}

const repeatWarnings = (ranOn: string | undefined, runsOn: string): string[] =>
  ranOn === undefined || ranOn === runsOn
    ? []
    : [
        `the picture was made with ${ranOn}, this runs with ${runsOn}: pixels may differ by a level; --engine chooses one`,
      ];
