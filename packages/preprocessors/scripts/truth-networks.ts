/** Stand-ins for the networks that some conditions need: they answer from the exact geometry of a rendered scene. */
// tinyworld's tests need this package, so that it can't be a dependency.
import {
  type GroundTruth,
  groundTruthOf,
  keypointsOf,
  linesOf,
  type Scene,
  SEGMENTATION_PALETTE,
} from "../../tinyworld/src/index.js";
import {
  depthCondition,
  gaussianBlurFloat,
  hedCondition,
  mlsdCondition,
  normalCondition,
  poseCondition,
  segmentationCondition,
  softedgeCondition,
} from "../src/index.js";

/** Classes of ADE20K that tinyworld's classes are. */
const ADE20K: Record<string, number> = { wall: 0, sky: 2, ground: 13, tree: 4, person: 12, house: 25 };

/** The conditions that need a network, made with the truth about one scene in its place. */
export function truthConditions(scene: Scene, side: number) {
  const size = { width: side, height: side };
  const truth = groundTruthOf(scene, size);
  const plane = (data: Float32Array) => ({ ...size, data, channels: 1 });
  // In the unit of MiDaS' answers, which end at some 1000: slopes of raw depth depend on it.
  const nearest = truth.depth.reduce((least, metres) => Math.min(least, metres), Number.POSITIVE_INFINITY);
  const nearness = plane(truth.depth.map((metres) => (1000 * nearest) / metres));
  const edges = plane(softOutlines(truth));
  const labels = Int32Array.from(truth.segmentation, (id) => {
    const label = ADE20K[SEGMENTATION_PALETTE[id]!.name];
    if (label === undefined) throw new Error(`no class of ADE20K for ${SEGMENTATION_PALETTE[id]!.name}`);
    return label;
  });
  const people = keypointsOf(scene, size).map((body) => ({
    body: body.map((joint) => (joint.visible ? joint : null)),
  }));
  const segments = linesOf(scene, size).map(({ from, to }) => ({
    x1: from[0],
    y1: from[1],
    x2: to[0],
    y2: to[1],
  }));
  const inside = (value: number) => Math.max(0, Math.min(side - 1, Math.floor(value)));
  return {
    mlsd: mlsdCondition.withNetwork(() =>
      segments.map(({ x1, y1, x2, y2 }) => ({
        x1: inside(x1),
        y1: inside(y1),
        x2: inside(x2),
        y2: inside(y2),
      })),
    ),
    hed: hedCondition.withNetwork(() => edges),
    softedge: softedgeCondition.withNetwork(() => edges),
    pose: poseCondition.withNetwork(() => ({ ...size, people })),
    depth: depthCondition.withNetwork(() => nearness),
    normal: normalCondition.withNetwork(() => nearness),
    segmentation: segmentationCondition.withNetwork(() => ({ ...size, labels })),
  };
}

/** Where class or surface direction change, as soft lines in [0, 1]. */
function softOutlines({ width, height, segmentation, normals }: GroundTruth): Float32Array {
  const lines = new Float32Array(width * height);
  const isEdge = (i: number, j: number) => {
    if (segmentation[i] !== segmentation[j]) return true;
    const dot = [0, 1, 2].reduce((sum, c) => sum + normals[3 * i + c]! * normals[3 * j + c]!, 0);
    return dot < 0.9 && normals[3 * i] !== 0;
  };
  for (let y = 0; y + 1 < height; y++)
    for (let x = 0; x + 1 < width; x++) {
      const i = y * width + x;
      if (isEdge(i, i + 1) || isEdge(i, i + width)) lines[i] = 1;
    }
  return gaussianBlurFloat({ data: lines, width, height, channels: 1 }, 1.5).data.map((value) =>
    Math.min(1, 3 * value),
  );
}
