import { readFile } from "node:fs/promises";
import { ControlNetError } from "@controlnet-js/core";
import { builtInConditions, drawPoses, readPoseJson, writePoseJson } from "@controlnet-js/preprocessors";
import type { DetectReport } from "./detect-picture.js";
import type { Detector } from "./detector.js";
import { writeMap } from "./map-file.js";
import { MAX_SOURCE_PIXELS } from "./read-source.js";

/**
 * Draws the people of an OpenPose JSON file as a pose map of the file's canvas.
 * @throws ControlNetError `config` for another condition than pose, `io` or `format` naming the file
 */
export async function detectKeypoints(
  detector: Detector,
  file: string,
  out: string | undefined,
): Promise<DetectReport> {
  const { condition, options } = detector;
  if (condition.name !== "pose")
    throw new ControlNetError(
      "config",
      `controlnet detect: --from-keypoints draws a pose, but the condition is "${condition.name}"`,
    );
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new ControlNetError("io", `can't read the keypoints ${file}: ${cause.message}`, { cause });
  });
  const scene = readScene(file, text);
  const map = drawPoses(scene, builtInConditions.pose.options.parse(options));
  if (out !== undefined) await writeMap(out, map, detector);
  const isEmpty = map.data.every((value) => value === 0);
  return {
    file,
    ...(out !== undefined && { out }),
    condition: condition.name,
    options,
    width: map.width,
    height: map.height,
    channels: map.channels,
    warnings: isEmpty ? ['condition "pose": nobody was drawn: the map is black'] : [],
    pose: writePoseJson(scene),
  };
}

function readScene(file: string, text: string) {
  try {
    const scene = readPoseJson(JSON.parse(text));
    if (scene.width * scene.height > MAX_SOURCE_PIXELS)
      throw new Error(`a canvas of ${scene.width}x${scene.height} is over ${MAX_SOURCE_PIXELS} pixels`);
    return scene;
  } catch (cause) {
    // JSON's own messages quote the file with its line breaks.
    const reason = (cause as Error).message.replaceAll(/\s+/g, " ");
    throw new ControlNetError("format", `can't read the keypoints ${file}: ${reason}`, { cause });
  }
}
