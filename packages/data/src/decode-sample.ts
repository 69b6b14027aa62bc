import { type Condition, type Image, isControlNetError } from "@controlnet-js/core";
import type { Resolution } from "./dataset.js";
import { checkLinksInside } from "./inside-directory.js";
import { type ConditionModule, loadCondition } from "./load-condition.js";
import { checkMap, type MapRules } from "./map-rules.js";
import { decodeMap, decodePicture, openImage } from "./read-image.js";
import { SampleError, type SampleProblem } from "./sample-error.js";

/** Where the map of a sample comes from. */
export type MapSource =
  | { kind: "file"; file: string }
  | { kind: "module"; module: ConditionModule; options: Record<string, unknown> }
  | { kind: "none" };

/** Everything needed to decode one sample; plain data, so that it passes between processes. */
export interface DecodeTask {
  /** The dataset's folder; links that leave it are refused unless `followLinks`. */
  root: string;
  followLinks: boolean;
  /** Absolute path of the picture. */
  file: string;
  map: MapSource;
  rules: MapRules;
  resolution: Resolution;
  maxPixels: number;
}

/** What decoding gives; no `map` where the task's source was `none`. */
export interface DecodedSample {
  image: Image;
  map?: Image;
}

const conditions = new Map<string, Promise<Condition>>();

/**
 * Decodes the picture of a task, and reads or computes its map.
 * @throws SampleError naming the file; ControlNetError for a condition that cannot be loaded
 */
export async function decodeSample(task: DecodeTask): Promise<DecodedSample> {
  const { file, map: source, rules, resolution } = task;
  const picture = await open(task, file);
  if (source.kind === "file") {
    const opened = await open(task, source.file);
    if (opened.width !== picture.width || opened.height !== picture.height)
      throw new SampleError({
        code: "shape",
        message:
          `${source.file}: the map is ${opened.width}x${opened.height}, ` +
          `its image ${file} is ${picture.width}x${picture.height}; expected the same size`,
        file: source.file,
        skippable: false,
      });
    const map = await decodeMap(opened, resolution, rules);
    checkMap(map, rules, { file: source.file });
    return { image: await decodePicture(picture, resolution), map };
  }
  const image = await decodePicture(picture, resolution);
  if (source.kind === "none") return { image };
  return {
    image,
    map: await computeMap(await cachedCondition(source.module), image, source.options, rules, file),
  };
}

/**
 * Computes and checks the map of an image.
 * @throws SampleError naming the file; a condition's own failure is `data` and not skippable
 */
export async function computeMap(
  condition: Condition,
  image: Image,
  options: Record<string, unknown>,
  rules: MapRules,
  file: string,
): Promise<Image> {
  let map: Image;
  try {
    map = await condition.detect(image, options);
  } catch (cause) {
    const code = isControlNetError(cause) ? cause.code : "data";
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${file}: condition "${rules.name}" failed: ${reason}`;
    throw new SampleError({ code, message, file, skippable: false }, { cause });
  }
  checkMap(map, rules, { file, blankIsSkippable: true });
  return map;
}

/** What another process needs to throw the same error again. */
export function toProblem(error: unknown, file: string): SampleProblem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SampleError)
    return { code: error.code, message, file: error.file, skippable: error.skippable };
  return {
    code: isControlNetError(error) ? error.code : "data",
    message: `${file}: ${message}`,
    file,
    skippable: false,
  };
}

async function open(task: DecodeTask, file: string) {
  const opened = await openImage(file, task.maxPixels);
  if (!task.followLinks) await checkLinksInside(task.root, file);
  return opened;
}

function cachedCondition(module: ConditionModule): Promise<Condition> {
  const key = `${module.module}#${module.export ?? ""}`;
  const loading = conditions.get(key) ?? loadCondition(module);
  conditions.set(key, loading);
  return loading;
}
