import { dirname } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { saveLatents } from "@controlnet-js/models/node";
import type { Applied } from "@controlnet-js/pipeline";
import { assertOtherFile } from "../files/assert-other-file.js";
import { print } from "../print.js";
import { createProgressBar } from "../progress-bar.js";
import { inFlags } from "../schema-flags.js";
import { startEngine } from "../start-engine.js";
import { openCaptionerOf } from "./captioner.js";
import { checkParameters, checkSaveMaps } from "./check-parameters.js";
import { engineMemory } from "./engine-memory.js";
import { changedFiles, hashFiles, inputFiles } from "./file-hashes.js";
import { keptMaps } from "./kept-maps.js";
import { assertFolder, assertNoFolder, outputFolder } from "./output-folder.js";
import { sampleOptions } from "./sample-options.js";
import { type MadeWith, type SampleParameters, sampleParametersSchema } from "./sample-parameters.js";
import { samplePictures } from "./sample-pictures.js";
import { writePictures } from "./write-pictures.js";

/** What to paint, and where it goes. */
export interface SampleRequest {
  parameters: SampleParameters;
  /** The folder of the pictures. */
  out: string;
  /** A safetensors file for the final latents. */
  saveLatents?: string | undefined;
  /** A folder for the maps that are made of pictures. */
  saveMaps?: string | undefined;
  /** The picture that is made again, which is not overwritten. */
  from?: string | undefined;
  /** What the picture tells that is made again. */
  before?: Pick<MadeWith, "ranOn" | "files"> | undefined;
}

/** What came of it; the document that `--json` prints. */
export interface SampleReport {
  /** The pictures, PNG; beside each lies its JSON. */
  files: string[];
  /** Where the final latents are. */
  latents?: string;
  /** The maps that were kept. */
  maps?: string[];
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
export async function sample({ parameters, out, before, ...request }: SampleRequest): Promise<SampleReport> {
  checkParameters(parameters);
  if (request.saveMaps !== undefined) checkSaveMaps(parameters);
  const folders = outputFolders({ out, ...request });
  for (const [option, path] of folders) await assertFolder(option, path);
  if (request.saveLatents !== undefined) {
    await assertNoFolder("--save-latents", request.saveLatents);
    await assertOtherFile("sample: --save-latents", request.saveLatents, allInputs(parameters, request.from));
  }
  const hashes = await hashFiles(parameters);
  const maps = keptMaps(request.saveMaps);
  const options = sampleOptions(parameters, maps.keep);
  const engine = await startEngine(parameters.engine);
  const { description } = engine;
  const captioner = await openCaptionerOf(parameters);
  const bar = createProgressBar();
  const { images, latents, applied } = await samplePictures({
    ...options,
    ...(captioner && { captioner: captioner.run }),
    memory: engineMemory(engine),
    log: print,
    onStep: ({ step, steps }) => bar.update(step + 1, steps, "painting"),
  })
    .catch((error: unknown) => {
      throw errorInFlags(error);
    })
    .finally(() => {
      bar.end();
      captioner?.dispose();
    });
  try {
    const warnings = [
      ...repeatWarnings(before?.ranOn, description),
      ...changedFiles(before?.files ?? {}, hashes),
      ...applied.warnings.map((warning) => inFlags(sampleParametersSchema, warning)),
    ];
    for (const warning of warnings) print(`warning: ${warning}`);
    for (const [option, path] of folders) await outputFolder(option, path);
    if (request.saveLatents !== undefined) await saveLatents(request.saveLatents, latents);
    const { sampler } = options;
    const settled: SampleParameters = {
      ...parameters,
      sampler: typeof sampler === "string" ? sampler : { ...sampler.json },
      batch: images.length,
      width: applied.width,
      height: applied.height,
    };
    const files = await writePictures(out, images, {
      ...settled,
      ranOn: description,
      files: hashes,
      applied,
    });
    for (const file of files) print(file);
    return {
      files,
      ...(request.saveLatents !== undefined && { latents: request.saveLatents }),
      ...(request.saveMaps !== undefined && { maps: await maps.write() }),
      engine: description,
      parameters: settled,
      applied,
      warnings,
    };
  } finally {
    latents.dispose();
  }
}

/** An error of the library in the words of the command line; others as they are. */
function errorInFlags(error: unknown): unknown {
  if (!isControlNetError(error)) return error;
  const { code, option } = error;
  const message = inFlags(sampleParametersSchema, error.message, option).replace(
    /^[a-z]+[A-Z]\w*: /,
    "controlnet sample: ",
  );
  return message === error.message ? error : new ControlNetError(code, message, { option, cause: error });
}

/** All that a run reads: files, models and their folders. */
const allInputs = (parameters: SampleParameters, from: string | undefined): (string | undefined)[] => {
  const { model, tokenizer, captioner, sampler, controls } = parameters;
  const ofControls = controls.flatMap(({ path, weights = [] }) => [
    path,
    ...weights.flatMap((text) => [text, text.slice(text.indexOf("=") + 1)]),
  ]);
  const named = typeof sampler === "string" ? sampler : undefined;
  return [from, model, tokenizer, captioner, named, ...inputFiles(parameters), ...ofControls];
};

type Outputs = Pick<SampleRequest, "out" | "saveLatents" | "saveMaps">;

/** The folders that are written to, by the options that name them. */
const outputFolders = ({ out, saveLatents: file, saveMaps }: Outputs): [option: string, path: string][] => [
  ["--out", out],
  ...(file === undefined ? [] : [["--save-latents", dirname(file)] as [string, string]]),
  ...(saveMaps === undefined ? [] : [["--save-maps", saveMaps] as [string, string]]),
];

const repeatWarnings = (ranOn: string | undefined, runsOn: string): string[] =>
  ranOn === undefined || ranOn === runsOn
    ? []
    : [
        `the picture was made with ${ranOn}, this runs with ${runsOn}: pixels may differ by a level; --engine chooses one`,
      ];
