import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, extname, sep } from "node:path";
import { type FoundPart, type ModelPart, type NamedTensor, requirePart } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";
import { hintsFromLdm, type ModelHints } from "../open/model-hints.js";
import { configsEntry, type OpenModel, openModel, tellFurtherControlNets } from "../open/open-model.js";
import {
  assertPartKeys,
  type ConvertedPart,
  ignoredKeys,
  keysOf,
  type PartKeys,
  partConfigJson,
  partModel,
  partRows,
} from "../open/part-model.js";
import { singleFileScheduler } from "../open/single-file-scheduler.js";
import { saveDiffusers } from "../save/save-diffusers.js";
import { saveLdm } from "../save/save-ldm.js";
import { inHalf } from "./half-tensors.js";
import { renameTensors } from "./rename-tensors.js";

/** The parts of a model by the names of the command line. */
export const partNames: Readonly<Record<string, ModelPart>> = {
  unet: "unet",
  control: "controlnet",
  vae: "autoencoder",
  text: "text-encoder",
};

/** How to convert a model. */
export interface ConvertOptions {
  /** The form to write: a diffusers folder, or a safetensors file in the original code's names. */
  to: "diffusers" | "ldm";
  /** What to take: `control`, `unet`, `vae`, `text`, or `full`, which needs a U-Net. Default: all that is there. */
  part?: string;
  /** Writes half precision. Default: each tensor's own type, bit by bit. */
  half?: boolean;
  /** Takes the moving average of the weights, where the file has one. Default false. */
  ema?: boolean;
  /** The original code's model yaml, parsed. */
  config?: unknown;
  /** The folder of the tokenizer for a diffusers folder; else looked for beside the file. */
  tokenizer?: string;
  /** Told what was found, assumed and left out. */
  log?: (line: string) => void;
}

/** What was converted. */
export interface Conversion {
  summary: string;
  out: string;
  parts: { part: ModelPart; tensors: number }[];
  /** Tensors of the input that belong to none of the parts. */
  leftOut: number;
}

/**
 * Converts between the original code's and diffusers' forms, in either direction, without an engine: tensors are
 * renamed, and only in half precision do their numbers change. Written aside and renamed.
 * @throws ControlNetError `unsupported` naming a file of another kind, `missing` where the part isn't there, `format`
 * listing keys that don't fit, `config`, `io`
 */
export async function convertModel(
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<Conversion> {
  const { to, half = false, ema = false, tokenizer, log = () => {} } = options;
  assertOutput(output, to);
  assertOther(output, input);
  const hints = options.config === undefined ? undefined : hintsFromLdm(options.config);
  const opened = openModel(input, { ema });
  try {
    log(`${input}: ${opened.identity.summary}`);
    tellFurtherControlNets(opened, log);
    if (ema && !opened.identity.ema)
      log("the file has no moving average of the weights (--ema): they are taken as they are");
    const found = chosenParts(opened, options.part);
    const parts = found.map((part) => convertPart(opened, part, to, hints, half, log));
    const leftOut = opened.source
      .names()
      .filter((name) => !found.some(({ prefix }) => name.startsWith(prefix))).length;
    if (leftOut > 0) log(`left out: ${leftOut} tensors that belong to no part taken`);
    const { [configsEntry]: _, ...metadata } = opened.source.metadata;
    const whole = parts.length > 1 || options.part === "full";
    if (to === "ldm") {
      const told = hints !== undefined || opened.scheduler !== undefined;
      const scheduler = told && whole ? singleFileScheduler(opened, hints).json : undefined;
      await saveLdm(output, parts, { whole, metadata, ...(scheduler && { scheduler }) });
    } else {
      const scheduler = () => singleFileScheduler(opened, hints, log);
      await saveDiffusers(output, parts, { whole, metadata, scheduler, input, tokenizer, log });
    }
    return {
      summary: opened.identity.summary,
      out: output,
      parts: parts.map(({ part, entries }) => ({ part, tensors: entries.length })),
      leftOut,
    };
  } finally {
    opened.close();
  }
}

function chosenParts({ source, identity, path }: OpenModel, name: string | undefined): FoundPart[] {
  const known = [...Object.keys(partNames), "full"];
  if (name !== undefined && !known.includes(name))
    throw new ControlNetError("config", `convert: unknown part "${name}" (known: ${known.join(", ")})`);
  const parts = Object.values(partNames);
  if (name !== undefined && name !== "full") return [requirePart(source, partNames[name]!, path)];
  const present = parts.filter((part) => identity.parts.some((found) => found.part === part));
  if (name === "full" || present.length === 0) requirePart(source, "unet", path);
  return present.map((part) => requirePart(source, part, path));
}

function convertPart(
  opened: OpenModel,
  found: FoundPart,
  to: "diffusers" | "ldm",
  hints: ModelHints | undefined,
  half: boolean,
  log: (line: string) => void,
): ConvertedPart {
  const model = partModel(opened, found, hints, log);
  const from = keysOf(opened, found);
  const keys = targetKeys(from, to, model.part === "text-encoder" && model.config.activation === "gelu");
  const rows = partRows(model, from);
  assertPartKeys(opened, found, rows);
  const renamed = renameTensors(
    opened.source,
    { rows, prefix: found.prefix },
    { rows: partRows(model, keys), prefix: "" },
  );
  const entries = [...renamed, ...buffersOf(opened, found, keys)];
  const json = hints === undefined ? opened.configOf(found) : undefined;
  return {
    part: found.part,
    keys,
    entries: half ? entries.map(inHalf) : entries,
    json: json ?? partConfigJson(model),
    told: json !== undefined || hints !== undefined,
  };
}

function targetKeys(from: PartKeys, to: "diffusers" | "ldm", openClip: boolean): PartKeys {
  const text = from === "openclip" || from.startsWith("transformers");
  if (!text) return to;
  return to === "diffusers" ? "transformers" : openClip || from === "openclip" ? "openclip" : "transformers";
}

/** A text encoder's buffers, which nobody needs, but without which a file would not come back as it was. */
function buffersOf({ source }: OpenModel, { part, prefix }: FoundPart, keys: PartKeys): NamedTensor[] {
  if (part !== "text-encoder") return [];
  return source.names().flatMap((name) => {
    if (!name.startsWith(prefix)) return [];
    const own = name.slice(prefix.length);
    if (!ignoredKeys[part].some((pattern) => pattern.test(own))) return [];
    if (own !== "attn_mask" && keys === "openclip") return [];
    const renamed = own.startsWith("embeddings.") ? `text_model.${own}` : own;
    return [{ ...source.get(name), name: renamed }];
  });
}

/** Refuses to write over what is read, however the paths are spelled or linked. */
function assertOther(output: string, input: string): void {
  if (!existsSync(output) || !existsSync(input)) return;
  const [to, from] = [realpathSync(output), realpathSync(input)];
  const identity = (path: string) => {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  };
  if (to.startsWith(from + sep) || from.startsWith(to + sep) || identity(to) === identity(from))
    throw new ControlNetError(
      "config",
      `convert: --out ${output} would overwrite ${input}; give another name`,
    );
}

/** @throws ControlNetError `config` where the output's name does not fit its form, `io` where it can't be there */
export function assertOutput(output: string, to: "diffusers" | "ldm"): void {
  const ending = extname(output);
  const isFolder = existsSync(output) && statSync(output).isDirectory();
  const above = dirname(output);
  if (existsSync(above) && !statSync(above).isDirectory())
    throw new ControlNetError("io", `can't save ${output}: ${above} is a file and no folder`);
  if (to === "ldm" ? ending !== ".safetensors" || isFolder : /^\.(ckpt|pth|pt|bin)$/.test(ending))
    throw new ControlNetError(
      "config",
      to === "ldm"
        ? `expected --out FILE.safetensors for the original code's form, got ${output}${isFolder ? ", a folder" : ""}`
        : `expected --out FOLDER for diffusers' form (or FILE.safetensors for a single part), got ${output}; pickled files are read, but not written`,
    );
}
