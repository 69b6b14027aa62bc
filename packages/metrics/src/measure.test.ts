import type { Condition, Image } from "@controlnet-js/core";
import { ADE20K_PALETTE, builtInConditions, colourLabels, type Person } from "@controlnet-js/preprocessors";
import { describe, expect, test } from "vitest";
import { depthRmse } from "./depth-rmse.js";
import { keypointSimilarity, poseSimilarity } from "./keypoint-similarity.js";
import { figureTitles, measureOf } from "./measure.js";
import { normalAngle } from "./normal-angle.js";
import { SegmentationTally } from "./segmentation-score.js";

const map = (channels: number, width: number, ...values: number[]): Image => ({
  data: Uint8Array.from(values),
  width,
  height: values.length / width / channels,
  channels,
});

describe("depth", () => {
  test("is the RMSE of depth scaled to [0, 1], so that scale and shift don't matter", () => {
    const depth = map(1, 4, 0, 50, 100, 200);
    expect(depthRmse(depth, depth)).toBe(0);
    expect(depthRmse(depth, map(1, 4, 20, 45, 70, 120))).toBeCloseTo(0, 12);
    // [0, 1/4, 1/2, 1] beside [1, 1/2, 1/4, 0]: sqrt((1 + 1/16 + 1/16 + 1) / 4)
    expect(depthRmse(depth, map(1, 4, 200, 100, 50, 0))).toBeCloseTo(Math.sqrt(2.125 / 4), 12);
    expect(depthRmse(map(1, 2, 9, 9), map(1, 2, 0, 8))).toBeCloseTo(Math.SQRT1_2, 12);
    expect(() => depthRmse(depth, map(1, 2, 0, 1))).toThrow(/one size, got 4x1 and 2x1/);
  });
});

describe("normals", () => {
  test("is the mean angle in degrees", () => {
    const [front, left, right] = [
      [127, 127, 255],
      [255, 127, 127],
      [0, 128, 128],
    ] as const;
    const one = map(3, 2, ...front, ...left);
    expect(normalAngle(one, one)).toBeCloseTo(0, 5);
    // A right angle and a half turn, but for bytes' lack of a middle.
    expect(normalAngle(one, map(3, 2, ...left, ...left))).toBeCloseTo(90.45 / 2, 1);
    expect(normalAngle(map(3, 1, ...left), map(3, 1, ...right))).toBeGreaterThan(179.9);
    expect(normalAngle(map(3, 1, 255, 255, 255), map(3, 1, 255, 255, 0))).toBeCloseTo(70.529, 3);
    expect(() => normalAngle(map(1, 1, 5), map(1, 1, 5))).toThrow(/3 or more channels, got 1/);
  });
});

describe("segmentation", () => {
  // sklearn 1.5: confusion_matrix([0,0,1,1,2,2],[0,1,1,1,2,0]) = [[1,1,0],[0,2,0],[1,0,1]], accuracy 4/6, and
  // jaccard_score(average=None) = [1/3, 2/3, 1/2].
  const wanted = [0, 0, 1, 1, 2, 2];
  const found = [0, 1, 1, 1, 2, 0];
  const drawn = (labels: readonly number[]) =>
    colourLabels({ labels: Int32Array.from(labels), width: labels.length, height: 1 }, ADE20K_PALETTE);

  test("is scikit-learn's accuracy and mean Jaccard index", () => {
    const tally = new SegmentationTally(ADE20K_PALETTE);
    tally.add(drawn(found), drawn(wanted));
    expect(tally.score().pixelAccuracy).toBeCloseTo(4 / 6, 12);
    expect(tally.score().meanIoU).toBeCloseTo((1 / 3 + 2 / 3 + 1 / 2) / 3, 12);
  });

  test("classes are counted over all pictures before they are divided", () => {
    const tally = new SegmentationTally(ADE20K_PALETTE);
    for (let i = 0; i < wanted.length; i++) tally.add(drawn([found[i]!]), drawn([wanted[i]!]));
    expect(tally.score().meanIoU).toBeCloseTo(0.5, 12);
  });
});

describe("pose", () => {
  const person = (...joints: readonly (readonly [index: number, x: number, y: number])[]): Person => ({
    body: Array.from({ length: 18 }, (_, i) => {
      const joint = joints.find(([index]) => index === i);
      return joint ? { x: joint[1], y: joint[2] } : null;
    }),
  });
  const scene = (...people: Person[]) => ({ width: 200, height: 200, people });
  // Nose and a hip; a box of 100 x 100, an area of 5300.
  const wanted = person([0, 0, 0], [8, 100, 100]);

  test("is COCO's object keypoint similarity", () => {
    expect(keypointSimilarity(wanted, wanted)).toBe(1);
    // 3 and 4 pixels off: exp(-25 / (2 * 5300 * 0.052^2)) and exp(-25 / (2 * 5300 * 0.214^2))
    const moved = person([0, 3, 4], [8, 104, 97]);
    const [nose, hip] = [0.41803, 0.94981];
    expect(keypointSimilarity(moved, wanted)).toBeCloseTo((nose + hip) / 2, 4);
    expect(keypointSimilarity(person([0, 0, 0]), wanted)).toBe(0.5);
  });

  test("pairs people, and counts those who are missing or too many", () => {
    const other = person([0, 150, 0], [8, 190, 40]);
    expect(poseSimilarity(scene(other, wanted), scene(wanted, other))).toBe(1);
    expect(poseSimilarity(scene(wanted), scene(wanted, other))).toBe(0.5);
    expect(poseSimilarity(scene(wanted, other), scene(wanted))).toBe(0.5);
    expect(poseSimilarity(scene(), scene(wanted))).toBe(0);
    expect(poseSimilarity(scene(wanted), scene())).toBeUndefined();
  });
});

test("each built-in condition names its measure, and each figure has a title and a direction", () => {
  const figures = Object.fromEntries(
    Object.entries(builtInConditions).map(([name, condition]) => [
      name,
      measureOf(condition as never)?.better,
    ]),
  );
  const edges = { edgeF1: "higher" };
  expect(figures).toEqual({
    canny: edges,
    hough: edges,
    mlsd: edges,
    scribble: edges,
    hed: edges,
    softedge: edges,
    lineart: edges,
    pose: { keypointSimilarity: "higher" },
    depth: { depthRmse: "lower" },
    normal: { normalAngle: "lower" },
    segmentation: { meanIoU: "higher", pixelAccuracy: "higher" },
    inpaint: undefined,
    tile: undefined,
    shuffle: undefined,
    colour: undefined,
  });
  for (const better of Object.values(figures))
    for (const figure of Object.keys(better ?? {})) expect(figureTitles[figure]).toBeTruthy();
});

test("a pose without anybody leaves no figure, rather than a perfect one", () => {
  const tally = measureOf({ name: "pose", compare: "pose" })!.start({});
  const nobody = { map: map(3, 1, 0, 0, 0), findings: { pose: { people: [] } } };
  tally.add(nobody, nobody);
  expect(tally.figures()).toEqual({});
});

test("a condition of one's own compares by a function, by several figures, or by a known name", () => {
  const own = (compare: unknown) => ({ name: "mine", compare: compare as Condition["compare"] });
  const pairs = [
    [map(1, 1, 10), map(1, 1, 4)],
    [map(1, 1, 7), map(1, 1, 5)],
  ] as const;
  const figuresOf = (compare: unknown) => {
    const tally = measureOf(own(compare))!.start({});
    for (const [found, wanted] of pairs) tally.add({ map: found }, { map: wanted });
    return tally.figures();
  };
  const apart = (found: Image, wanted: Image) => found.data[0]! - wanted.data[0]!;
  expect(figuresOf(apart)).toEqual({ adherence: 4 });
  const both = {
    figures: { apart: "lower", near: "higher" },
    compare: (found: Image, wanted: Image) => ({ apart: apart(found, wanted), near: 1 }),
  };
  expect(figuresOf(both)).toEqual({ apart: 4, near: 1 });
  expect(measureOf(own(both))!.better).toEqual({ apart: "lower", near: "higher" });
  expect(figuresOf("edges")).toEqual({ edgeF1: 1 });
  for (const none of [undefined, "none"]) expect(measureOf(own(none))).toBeUndefined();
  expect(() => measureOf(own("edge"))).toThrow(
    /condition "mine": unknown compare "edge", did you mean "edges"/,
  );
  expect(() => measureOf(own("constructor"))).toThrow(/unknown compare "constructor"/);
});
