import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import {
  builtInConditions,
  drawPoses,
  KEYPOINT_COUNTS,
  type Keypoints,
  type Person,
  type PoseScene,
  readPoseJson,
  writePoseJson,
} from "@controlnet-js/preprocessors";
import { MAX_SOURCE_PIXELS } from "@controlnet-js/preprocessors/node";
import type { Detector } from "../conditions/detector.js";
import { writeMap } from "../conditions/map-file.js";
import type { DetectReport } from "./detect-picture.js";
import { sizeOf } from "./picture-size.js";

/**
 * Draws the people of an OpenPose JSON file as a pose map of the file's canvas, at the detector's size.
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
  let text: string;
  try {
    text = readRegularFile(file).toString("utf8");
  } catch (cause) {
    throw new ControlNetError("io", `can't read the keypoints ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const scene = atSize(file, readScene(file, text), detector.size);
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
    // Some editors begin a file with a mark of its encoding.
    const scene = readPoseJson(JSON.parse(text.replace(/^\uFEFF/, "")));
    if (scene.width * scene.height > MAX_SOURCE_PIXELS)
      throw new Error(`a canvas of ${scene.width}x${scene.height} is over ${MAX_SOURCE_PIXELS} pixels`);
    return scene;
  } catch (cause) {
    // JSON's own messages quote the file with its line breaks.
    const reason = (cause as Error).message.replaceAll(/\s+/g, " ");
    throw new ControlNetError("format", `can't read the keypoints ${file}: ${reason}`, { cause });
  }
}

/** The people on a canvas of `--size`; limbs and joints are drawn as thick as on any other. */
function atSize(file: string, scene: PoseScene, resolution: number | undefined): PoseScene {
  if (resolution === undefined) return scene;
  const { width, height } = sizeOf(file, scene, resolution);
  // Parts of the canvas, as the field keeps keypoints: x / width first.
  const scaled = (keypoints: Keypoints): Keypoints =>
    keypoints.map(
      (point) =>
        point && { ...point, x: (point.x / scene.width) * width, y: (point.y / scene.height) * height },
    );
  const people = scene.people.map((person) => {
    const result: Person = { ...person };
    for (const part of parts) {
      const points = person[part];
      if (points) result[part] = scaled(points);
    }
    return result;
  });
  return { width, height, people };
}

const parts = Object.keys(KEYPOINT_COUNTS) as (keyof typeof KEYPOINT_COUNTS)[];
