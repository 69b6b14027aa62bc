import { type Condition, ControlNetError, unknownName } from "@controlnet-js/core";
import { cannyCondition } from "./canny-condition.js";
import {
  hedCondition,
  houghCondition,
  lineartCondition,
  mlsdCondition,
  scribbleCondition,
  softedgeCondition,
} from "./line-conditions.js";
import { colourCondition, inpaintCondition, shuffleCondition, tileCondition } from "./picture-conditions.js";
import { depthCondition, normalCondition, poseCondition, segmentationCondition } from "./scene-conditions.js";

/**
 * The conditions of the paper and of ControlNet 1.1 by name. Those that need a network say so when asked to detect; with
 * it, such as `depthCondition.withNetwork(network)`, they are the same condition.
 */
export const builtInConditions = {
  canny: cannyCondition,
  hough: houghCondition,
  mlsd: mlsdCondition,
  scribble: scribbleCondition,
  hed: hedCondition,
  softedge: softedgeCondition,
  lineart: lineartCondition,
  pose: poseCondition,
  depth: depthCondition,
  normal: normalCondition,
  segmentation: segmentationCondition,
  inpaint: inpaintCondition,
  tile: tileCondition,
  shuffle: shuffleCondition,
  colour: colourCondition,
} as const;

/** The name of a built-in condition. */
export type ConditionName = keyof typeof builtInConditions;

/**
 * A condition by its name.
 * @param known where to look; the built-in ones by default, `{ ...builtInConditions, mine }` with your own
 * @throws ControlNetError `missing` that names the nearest known one
 */
export function findCondition(
  name: string,
  known: Readonly<Record<string, Condition>> = builtInConditions as unknown as Record<string, Condition>,
): Condition {
  if (Object.hasOwn(known, name)) return known[name]!;
  throw new ControlNetError(
    "missing",
    `findCondition: unknown condition ${unknownName(name, Object.keys(known))}`,
  );
}
