import { type Condition, ControlNetError, type NetworkLook, parseOptions } from "@controlnet-js/core";
import { builtInConditions } from "@controlnet-js/preprocessors";
import { namedByUser, type UserCondition } from "../conditions/condition-name.js";
import { cachedDetector, openDetector, openListed } from "../conditions/detector.js";
import { readOptionTexts } from "../conditions/option-texts.js";
import { assertOtherFile } from "../files/assert-other-file.js";
import { assertDetects, readWeightTexts } from "../networks/network-weights.js";
import { print, printLine, printText } from "../print.js";
import { detectFolder } from "./detect-folder.js";
import { detectKeypoints } from "./detect-keypoints.js";
import { type DetectReport, detectPicture } from "./detect-picture.js";
import { conditionEntries, listConditions } from "./list-conditions.js";

/** The flags of `controlnet detect`. */
export interface DetectFlags {
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

/**
 * Makes the map of a picture, of a folder's pictures or of a pose as data, or lists the conditions, and tells what came of it.
 * @throws ControlNetError `config` for flags that don't go together, as what opens the condition and reads the picture
 */
export async function detect(flags: DetectFlags): Promise<void> {
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
