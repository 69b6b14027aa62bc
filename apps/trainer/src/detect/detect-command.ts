import { availableParallelism } from "node:os";
import { type Condition, ControlNetError, type NetworkLook, parseOptions } from "@controlnet-js/core";
import type { EngineName } from "@controlnet-js/engine";
import { builtInConditions } from "@controlnet-js/preprocessors";
import type { Command } from "commander";
import { namedByUser, type UserCondition } from "../conditions/condition-name.js";
import { cachedDetector, openDetector, openListed } from "../conditions/detector.js";
import { readOptionTexts } from "../conditions/option-texts.js";
import { assertOtherFile } from "../files/assert-other-file.js";
import { assertDetects, conditionsWithNetwork, readWeightTexts } from "../networks/network-weights.js";
import { number } from "../numbers.js";
import { print, printLine, printText } from "../print.js";
import { detectFolder } from "./detect-folder.js";
import { detectKeypoints } from "./detect-keypoints.js";
import { type DetectReport, detectPicture } from "./detect-picture.js";
import { conditionEntries, listConditions, partsLine } from "./list-conditions.js";

/** The flags of `controlnet detect`. */
interface DetectFlags {
  condition?: UserCondition;
  image?: string;
  fromKeypoints?: string;
  out?: string;
  option: string[];
  weights: string[];
  size?: number;
  resolution?: number | "picture";
  engine: string;
  dir?: string;
  outDir?: string;
  workers: number;
  resume: boolean;
  json: boolean;
  list: boolean;
}

const collect = (value: string, before: string[]): string[] => [...before, value];
const pixels = number(64, 4096, { whole: true });
const resolution = (text: string): number | "picture" => (text === "picture" ? text : pixels(text));
/** Those of `@controlnet-js/engine`, which is loaded with a network only. */
const engines = [
  "auto",
  "tensorflow",
  "tensorflow-gpu",
  "tensorflow-cpu",
  "wasm",
  "cpu",
] satisfies EngineName[];

/** Adds `controlnet detect`: control maps of a picture, of a folder, or of a pose as data. */
export function addDetectCommand(program: Command): void {
  program
    .command("detect")
    .description("make the control map of a picture, of a folder of pictures, or of an OpenPose file")
    .option(
      "--condition <name>",
      "a built-in condition, or your own module, whose code is run: ./my-condition.ts",
      namedByUser,
    )
    .option("--image <file>", "the picture: PNG, JPEG or WebP")
    .option("--from-keypoints <file>", "an OpenPose JSON file to draw instead, as condition pose")
    .option("--out <file>", "where the map goes, a .png of the picture's size or of --size")
    .option(
      "--option <key=value>",
      "an option of the condition; may stand several times",
      collect,
      [] as string[],
    )
    .option(
      "--weights <path>",
      "what the condition's network is read from; part=path for a second file: hand=hand_pose_model.pth",
      collect,
      [] as string[],
    )
    .option(
      "--size <pixels>",
      "resize the picture first: short side of picture and map, both sides to multiples of 64; default: its own size",
      pixels,
    )
    .option(
      "--resolution <pixels>",
      "short side of the picture as the network sees it, or picture for its own size; the map keeps its size; default: --size, else 512",
      resolution,
    )
    .option("--engine <name>", `what runs the network: ${engines.join(", ")}`, "auto")
    .option("--dir <folder>", "a folder of pictures instead, with its subfolders")
    .option("--out-dir <folder>", "where the maps of --dir go")
    .option(
      "--workers <n>",
      "processes for --dir; 0 works in one, as a network always does",
      number(0, 256, { whole: true }),
      availableParallelism(),
    )
    .option(
      "--resume",
      "with --dir: keep maps that are there, whole and made with the same options, size and weights",
      false,
    )
    .option("--json", "print what was found, as JSON: one line a picture", false)
    .option("--list", "show the conditions with their options; with --json, as JSON schemas", false)
    .addHelpText(
      "after",
      `
Networks and their weights:
${networkLines()}
A condition of your own (--condition ./my-condition.js) names the files of its network in its definition and takes
--weights in the same way; it may also come with the network: export const mine = poseCondition.withNetwork(myNetwork).

Sizes: --size is the size of the map, for every condition, and what training sets are made with (detect_resolution and
image_resolution of controlnet_aux, "preprocessor resolution" of the web UI): area when shrinking, Lanczos when enlarging.
The picture is resized first, and a network sees it like that. --resolution is for networks that shall see it at another
size than the map's: what they find is brought back to it.

Examples:
  controlnet detect --condition canny --image photo.jpg --out edges.png --option low=50 --option high=150
  controlnet detect --condition canny --size 512 --dir photos --out-dir maps
  controlnet detect --condition hough --image photo.jpg --out lines.png --json
  controlnet detect --condition pose --from-keypoints people.json --out pose.png
  controlnet detect --condition hed --weights ControlNetHED.pth --image photo.jpg --out edges.png
  controlnet detect --condition pose --weights body_pose_model.pth --weights hand=hand_pose_model.pth \\
    --image people.jpg --out pose.png --json
  controlnet detect --condition ./my-condition.ts --dir photos --out-dir maps --resume
  controlnet detect --list`,
    )
    .action(detect);
}

/** A line for each condition with a network, conditions with the same together. */
function networkLines(): string {
  const byFiles = new Map<string, string[]>();
  for (const { name, network } of conditionsWithNetwork()) {
    const files = partsLine(network!.parts);
    byFiles.set(files, [...(byFiles.get(files) ?? []), name]);
  }
  return [...byFiles].map(([files, names]) => `  ${names.join(", ")}: ${files}`).join("\n");
}

async function detect(flags: DetectFlags): Promise<void> {
  if (flags.list) return list(flags);
  const { image, fromKeypoints, dir, outDir, out, json } = flags;
  const sources = [image, fromKeypoints, dir].filter((source) => source !== undefined);
  if (sources.length !== 1)
    throw usage("give one of --image FILE, --from-keypoints FILE and --dir FOLDER, or --list");
  const name = flags.condition ?? (fromKeypoints === undefined ? undefined : namedByUser("pose"));
  if (name === undefined) throw usage("give --condition NAME; --list shows them");
  const { condition: listed } = await openListed(name);
  const given = readOptionTexts(listed, flags.option);
  const options = parseOptions(`condition "${listed.name}"`, listed.options, given);
  const weights = readWeightTexts(listed, flags.weights);
  const look: NetworkLook = {
    ...(flags.resolution !== undefined && { resolution: flags.resolution }),
    ...(flags.size !== undefined && { sized: true }),
  };
  if (fromKeypoints === undefined && !weights) assertDetects(listed, options);
  // Completed again where the network is opened: with one, defaults may be others.
  const detectorName = {
    condition: name,
    options: given,
    ...(flags.size !== undefined && { size: flags.size }),
    ...(weights && { network: { weights, look, engine: flags.engine } }),
  };
  if (dir !== undefined) {
    if (outDir === undefined || out !== undefined) throw usage("--dir needs --out-dir FOLDER, and no --out");
    return detectAll({ ...flags, dir, outDir, detector: detectorName });
  }
  if (outDir !== undefined || flags.resume) throw usage("--out-dir and --resume belong to --dir");
  if (out === undefined && !json) throw usage("give --out FILE.png, or --json to only print what was found");
  if (out !== undefined && !/\.png$/i.test(out))
    throw usage(`--out expects a .png, as other formats would blur the map; got "${out}"`);
  if (out !== undefined) await assertOtherFile("detect: --out", out, [image ?? fromKeypoints]);
  const detector = await openDetector(detectorName);
  const report =
    image === undefined
      ? await detectKeypoints(detector, fromKeypoints!, out)
      : await detectPicture(detector, image, out);
  if (json) printLine(report);
  tell(report);
}

const usage = (message: string): ControlNetError =>
  new ControlNetError("config", `controlnet detect: ${message}`);

async function list({ condition: name, json }: DetectFlags): Promise<void> {
  const conditions: readonly Condition[] =
    name === undefined
      ? (Object.values(builtInConditions) as unknown as Condition[])
      : [(await openListed(name)).condition];
  if (json) printLine(conditionEntries(conditions));
  else printText(listConditions(conditions).trimEnd());
}

function tell({ out, condition, width, height, channels, warnings }: DetectReport): void {
  if (out !== undefined) {
    const pictures = channels % 3 === 0 ? channels / 3 : channels;
    const stacked =
      pictures > 1 ? `, its ${channels} channels as ${pictures} pictures below one another` : "";
    print(`${condition}, ${width}x${height}${stacked}: ${out}`);
  }
  for (const warning of warnings) print(`warning: ${warning}`);
}

async function detectAll(
  request: DetectFlags & Pick<Parameters<typeof detectFolder>[0], "dir" | "outDir" | "detector">,
): Promise<void> {
  const { dir, outDir, detector, resume, json } = request;
  // A network fills the machine by itself and would take its memory once for each process; one that can't be opened is
  // an error of the command, not of every picture.
  if (detector.network) await cachedDetector(detector);
  const workers = detector.network ? 0 : request.workers;
  const { done, kept, failed, warned, leftOut } = await detectFolder({
    dir,
    outDir,
    detector,
    workers,
    resume,
    ...(json && { onReport: printLine }),
  });
  const parts = [`${done} ${done === 1 ? "map" : "maps"}`];
  if (kept > 0) parts.push(`${kept} kept`);
  if (warned > 0) parts.push(`${warned} with warnings`);
  if (failed.length > 0) parts.push(`${failed.length} failed`);
  print(`${parts.join(", ")}: ${outDir}`);
  if (done + kept + failed.length === 0) print(`warning: no PNG, JPEG or WebP files in ${dir}`);
  if (leftOut.length > 0) print(`warning: ${otherFormats(leftOut)}`);
  for (const { error } of failed) print(`  ${error}`);
  if (failed.length > 0) process.exitCode = 1;
}

/** How many names are told. */
const TOLD = 5;

/** What is said of pictures that are not read. */
function otherFormats(files: readonly string[]): string {
  const names = files.slice(0, TOLD).join(", ") + (files.length > TOLD ? " ..." : "");
  const left = files.length === 1 ? "1 picture was" : `${files.length} pictures were`;
  return `${left} left out, as only PNG, JPEG and WebP are read: ${names}`;
}
