import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CaptionerOptions } from "@controlnet-js/annotators/node";
import { ControlNetError } from "@controlnet-js/core";
import { engineNames } from "@controlnet-js/engine";
import { readImage } from "@controlnet-js/preprocessors/node";
import type { Command } from "commander";
import { number } from "../numbers.js";
import { print, printLine, printText } from "../print.js";
import { startEngine } from "../start-engine.js";
import { captionFolder } from "./caption-folder.js";
import { openMetadata, openTextFiles } from "./caption-store.js";

/** The flags of `controlnet caption`. */
interface CaptionFlags {
  weights: string;
  image?: string;
  dir?: string;
  textFiles: boolean;
  resume: boolean;
  prefix?: string;
  beams?: number;
  maxLength?: number;
  minLength?: number;
  lengthPenalty?: number;
  repetitionPenalty?: number;
  engine: string;
  json: boolean;
}

const tokens = number(0, 100_000, { whole: true });

/** Adds `controlnet caption`: what a picture shows in words, or a folder of training pictures. */
export function addCaptionCommand(program: Command): void {
  program
    .command("caption")
    .description("say in words what a picture shows, or the pictures of a folder, to train on them")
    .requiredOption("--weights <folder>", "BLIP as transformers has it, or ViT-GPT2 as ONNX")
    .option("--image <file>", "the picture: PNG, JPEG or WebP; its caption is printed")
    .option("--dir <folder>", "a folder of pictures, with its subfolders; captions go to its metadata.jsonl")
    .option("--text-files", "with --dir: captions go to a .txt beside each picture instead", false)
    .option("--resume", "with --dir: keep captions that are there and go on", false)
    .option("--prefix <text>", 'what every caption begins with, such as "a photography of"')
    .option(
      "--beams <n>",
      "captions followed at once, of which the best is taken; default: 1",
      number(1, 64, { whole: true }),
    )
    .option("--max-length <n>", "tokens at most, with the prefix; default: 20 after it", tokens)
    .option("--min-length <n>", "tokens at least, with the prefix", tokens)
    .option(
      "--length-penalty <x>",
      "with beams: above 0 prefers long captions, below short ones",
      number(-100, 100),
    )
    .option("--repetition-penalty <x>", "above 1 avoids words that were said", number(0.01, 100))
    .option("--engine <name>", `what runs BLIP: ${engineNames.join(", ")}`, "auto")
    .option("--json", 'print {"file", "text"}, one line a picture', false)
    .addHelpText(
      "after",
      `
Examples:
  controlnet caption --weights models/blip-image-captioning-base --image photo.jpg --prefix "a photography of"
  controlnet caption --weights models/blip-image-captioning-large --dir photos --beams 3 --resume
  controlnet train --config configs/image-folder.yaml --set data.dir=photos`,
    )
    .action(caption);
}

const usage = (message: string): ControlNetError =>
  new ControlNetError("config", `controlnet caption: ${message}`);

async function caption(flags: CaptionFlags): Promise<void> {
  const { weights, image, dir, textFiles, resume, json } = flags;
  if ((image === undefined) === (dir === undefined)) throw usage("give one of --image FILE and --dir FOLDER");
  if (image !== undefined && (textFiles || resume)) throw usage("--text-files and --resume belong to --dir");
  await startEngine(flags.engine);
  const { openCaptioner } = await import("@controlnet-js/annotators/node");
  const describe = await openCaptioner(weights, optionsOf(flags));
  try {
    if (dir !== undefined) return await captionAll(describe, { ...flags, dir });
    const text = await describe(await readImage(image!));
    if (json) printLine({ file: image, text });
    else printText(text);
  } finally {
    describe.dispose();
  }
}

const optionNames = [
  "prefix",
  "beams",
  "maxLength",
  "minLength",
  "lengthPenalty",
  "repetitionPenalty",
] as const;

/** What was given, and nothing else: the model's own settings count where a flag is left out. */
const optionsOf = (flags: CaptionFlags): CaptionerOptions =>
  Object.fromEntries(optionNames.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])));

async function captionAll(
  describe: Parameters<typeof captionFolder>[0]["caption"],
  { dir, textFiles, resume, json }: CaptionFlags & { dir: string },
): Promise<void> {
  const store = textFiles ? openTextFiles(dir) : await openMetadata(dir);
  const { done, kept, failed } = await captionFolder({
    dir,
    store,
    caption: describe,
    resume,
    ...(json && { onReport: printLine }),
  });
  const parts = [`${done} ${done === 1 ? "caption" : "captions"}`];
  if (kept > 0) parts.push(`${kept} kept`);
  if (failed.length > 0) parts.push(`${failed.length} failed`);
  print(`${parts.join(", ")}: ${store.place}`);
  if (done + kept + failed.length === 0) print(`warning: no PNG, JPEG or WebP files in ${dir}`);
  const list = join(dir, "metadata.jsonl");
  if (textFiles && existsSync(list))
    print(`warning: training reads ${list} rather than text files; remove it, or leave --text-files out`);
  for (const { error } of failed) print(`  ${error}`);
  if (failed.length > 0) process.exitCode = 1;
}
