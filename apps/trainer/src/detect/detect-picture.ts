import { type Condition, ControlNetError, type Image } from "@controlnet-js/core";
import {
  builtInConditions,
  checkMap,
  type OpenPoseJson,
  oneChannelMap,
  type Segment,
} from "@controlnet-js/preprocessors";
import { readImage, readImageBytes } from "@controlnet-js/preprocessors/node";
import { cachedDetector, type Detector, type DetectorName } from "../conditions/detector.js";
import { isMapDone, writeMap } from "../conditions/map-file.js";
import { atSize } from "./picture-size.js";
import { releaseMemory } from "./release-memory.js";

/** What was found in one picture, as `--json` prints it. */
export interface DetectReport {
  file: string;
  /** Where the map was written. */
  out?: string;
  condition: string;
  options: Record<string, unknown>;
  /** Size of the map in pixels: that of the picture, upright, at `--size`. */
  width: number;
  height: number;
  channels: number;
  warnings: string[];
  /** The straight lines of a condition that looks for them, in pixels. */
  segments?: Segment[];
  /** The people of a pose. */
  pose?: OpenPoseJson;
}

/** One picture of a folder; plain data, so that it passes between processes. */
export interface DetectJob {
  file: string;
  out: string;
  detector: DetectorName;
  /** Keeps a map that is there already, whole and made as this one would be. */
  resume: boolean;
}

/** How a job ended. */
export type DetectOutcome =
  | { kind: "done"; report: DetectReport }
  | { kind: "kept" }
  | { kind: "failed"; message: string };

/** A process decodes one picture while it makes the map of the one before: never two of either. */
const decoding = createLane();
const drawing = createLane();

/**
 * Makes the map of a picture file, checks it and writes it to `out`, if given.
 * @throws ControlNetError naming the file
 */
export async function detectPicture(detector: Detector, file: string, out?: string): Promise<DetectReport> {
  const { condition, options } = detector;
  const bytes = readImageBytes(file);
  const picture = await decoding(() => readImage(bytes, { name: file, alpha: condition.alpha ?? false }));
  releaseMemory(bytes);
  const { map, findings, warnings, oddities } = await drawing(async () => {
    const image = atSize(file, picture, detector.size);
    // Of the picture as it was, nothing is known outside.
    if (image !== picture) releaseMemory(picture.data);
    const lines = oneChannelMap(condition);
    const examined = lines
      ? { map: lines(image, options), findings: {}, warnings: [] }
      : await examine(condition, image, options);
    const traits = lines ? { ...condition, channels: 1 } : condition;
    return { ...examined, oddities: checkMap(traits, examined.map, { source: image }) };
  });
  const wrong = oddities.find(({ kind }) => kind === "channels" || kind === "range");
  if (wrong) throw new ControlNetError("data", `${file}: ${wrong.message}`);
  if (out !== undefined) await writeMap(out, map, detector);
  // A user's own condition may keep what it was given.
  if (isBuiltIn(condition)) for (const { data } of [picture, map]) releaseMemory(data);
  const report: DetectReport = {
    file,
    ...(out !== undefined && { out }),
    condition: condition.name,
    options,
    width: map.width,
    height: map.height,
    channels: condition.channels,
    warnings: [...warnings, ...oddities.map(({ message }) => message)],
  };
  // A finding of a user's own condition may have any name, but not take the place of what every report has.
  return { ...report, ...findings, ...report };
}

/** A map with its findings; a user's module may export a condition that was not made by defineCondition. */
const examine = async (condition: Condition, image: Image, options: Record<string, unknown>) =>
  typeof condition.examine === "function"
    ? condition.examine(image, options)
    : { map: await condition.detect(image, options), findings: {}, warnings: [] };

/** Does a job of a folder; whatever goes wrong is an outcome, so that the folder goes on. */
export async function runDetectJob({ file, out, detector: name, resume }: DetectJob): Promise<DetectOutcome> {
  try {
    const detector = await cachedDetector(name);
    if (resume && (await isMapDone(out, file, detector))) return { kind: "kept" };
    return { kind: "done", report: await detectPicture(detector, file, out) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "failed", message: message.includes(file) ? message : `${file}: ${message}` };
  }
}

const isBuiltIn = (condition: Condition): boolean =>
  Object.values<unknown>(builtInConditions).includes(condition);

/** Runs what it is given one after another, in order. */
type Lane = <T>(task: () => T | Promise<T>) => Promise<T>;

/** A lane of its own: whatever fails in it does not hold up what comes next. */
function createLane(): Lane {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}
