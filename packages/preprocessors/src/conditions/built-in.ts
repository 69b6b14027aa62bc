import { type Condition, ControlNetError, nearestName } from "@controlnet-js/core";
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
 * The conditions of the paper and of ControlNet 1.1 by name. Those that need a network say so when asked to detect;
 * their factories, such as `depthCondition(network)`, make the same condition with one.
 */
export const builtInConditions = {
  canny: cannyCondition,
  hough: houghCondition,
  mlsd: /* @__PURE__ */ mlsdCondition(),
  scribble: /* @__PURE__ */ scribbleCondition(),
  hed: /* @__PURE__ */ hedCondition(),
  softedge: /* @__PURE__ */ softedgeCondition(),
  lineart: /* @__PURE__ */ lineartCondition(),
  pose: /* @__PURE__ */ poseCondition(),
  depth: /* @__PURE__ */ depthCondition(),
  normal: /* @__PURE__ */ normalCondition(),
  segmentation: /* @__PURE__ */ segmentationCondition(),
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
  const names = Object.keys(known);
  const nearest = nearestName(name, names);
  throw new ControlNetError(
    "missing",
    `findCondition: unknown condition "${name}"${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${names.join(", ")})`,
  );
}
