import {
  type ComparisonName,
  type Condition,
  ControlNetError,
  type Detection,
  type Image,
  type MapComparison,
  unknownName,
} from "@controlnet-js/core";
import { ADE20K_PALETTE, COCO_PALETTE, readPoseJson } from "@controlnet-js/preprocessors";
import { depthRmse } from "./depth-rmse.js";
import { edgeF1 } from "./edge-f1.js";
import { poseSimilarity } from "./keypoint-similarity.js";
import { normalAngle } from "./normal-angle.js";
import { SegmentationTally } from "./segmentation-score.js";

/** Figures by name. */
export type Figures = Record<string, number>;

/** Collects the figures of many pairs of maps. */
export interface Tally {
  /** Counts what was found in a painted picture and what was wanted. */
  add(found: Detection, wanted: Detection): void;
  /** The figures of all pairs; one that no pair has is left out. */
  figures(): Figures;
}

/** How a condition's maps are compared. */
export interface Measure {
  /** The figures that it gives, and which way each is better. */
  better: MapComparison["figures"];
  /** Whether it compares what was found (`Detection.findings`) and not the maps: the wanted picture is examined, too. */
  usesFindings: boolean;
  /** @param options the condition's */
  start(options: Readonly<Record<string, unknown>>): Tally;
}

/** Figures averaged over the pairs that have them. */
function averaging(
  compare: (found: Detection, wanted: Detection) => Record<string, number | undefined>,
): Tally {
  const sums = new Map<string, { sum: number; count: number }>();
  return {
    add(found, wanted) {
      for (const [name, value] of Object.entries(compare(found, wanted))) {
        if (value === undefined) continue;
        const { sum, count } = sums.get(name) ?? { sum: 0, count: 0 };
        sums.set(name, { sum: sum + value, count: count + 1 });
      }
    },
    figures: () => Object.fromEntries([...sums].map(([name, { sum, count }]) => [name, sum / count])),
  };
}

/** How far apart edges may lie, in pixels, and still agree. */
const EDGE_TOLERANCE = 2;

const ofMaps = (
  name: string,
  better: "higher" | "lower",
  compare: (found: Image, wanted: Image) => number,
): Measure => ({
  better: { [name]: better },
  usesFindings: false,
  start: () => averaging((found, wanted) => ({ [name]: compare(found.map, wanted.map) })),
});

const sceneOf = ({ map, findings }: Detection) => readPoseJson(findings?.pose ?? { people: [] }, map);

const measures: Readonly<Record<Exclude<ComparisonName, "none">, Measure>> = {
  edges: ofMaps(
    "edgeF1",
    "higher",
    (found, wanted) => edgeF1(found, wanted, { tolerance: EDGE_TOLERANCE }).f1,
  ),
  depth: ofMaps("depthRmse", "lower", depthRmse),
  normals: ofMaps("normalAngle", "lower", normalAngle),
  segmentation: {
    better: { meanIoU: "higher", pixelAccuracy: "higher" },
    usesFindings: false,
    start({ palette }) {
      const tally = new SegmentationTally(palette === "coco" ? COCO_PALETTE : ADE20K_PALETTE);
      return {
        add: (found, wanted) => tally.add(found.map, wanted.map),
        figures: () => ({ ...tally.score() }),
      };
    },
  },
  pose: {
    better: { keypointSimilarity: "higher" },
    usesFindings: true,
    start: () =>
      averaging((found, wanted) => ({
        keypointSimilarity: poseSimilarity(sceneOf(found), sceneOf(wanted)),
      })),
  },
};

/**
 * How a condition's maps are compared: as its `compare` says.
 * @returns undefined where it says `"none"` or nothing
 * @throws ControlNetError `config` for a `compare` that is unknown
 */
export function measureOf({ name, compare }: Pick<Condition, "name" | "compare">): Measure | undefined {
  if (compare === undefined || compare === "none") return undefined;
  if (typeof compare === "function") return ofMaps("adherence", "higher", compare);
  if (typeof compare === "object" && compare !== null)
    return {
      better: compare.figures,
      usesFindings: false,
      start: () => averaging((found, wanted) => compare.compare(found.map, wanted.map)),
    };
  if (Object.hasOwn(measures, compare)) return measures[compare];
  const known = [...Object.keys(measures), "none", "a function or { figures, compare }"];
  throw new ControlNetError("config", `condition "${name}": unknown compare ${unknownName(compare, known)}`);
}

/** What each built-in figure says, for people. */
export const figureTitles: Readonly<Record<string, string>> = {
  edgeF1: "edge F1",
  depthRmse: "RMSE of normalised depth",
  normalAngle: "mean angle of normals, degrees",
  meanIoU: "mean IoU of classes",
  pixelAccuracy: "part of the pixels of the right class",
  keypointSimilarity: "object keypoint similarity",
  adherence: "adherence",
};
