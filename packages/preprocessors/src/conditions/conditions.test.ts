import { isControlNetError, randomWords } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { assertMap, checkMap } from "../check-map.js";
import { type ByteImage, blankImage } from "../image.js";
import { ADE20K_PALETTE } from "../maps/palettes.js";
import { colourLabels, readLabels } from "../maps/segmentation.js";
import { toOpenPose } from "../pose/convert-skeleton.js";
import { drawPoses } from "../pose/draw-poses.js";
import { writePoseJson } from "../pose/pose-json.js";
import { readImages } from "../testing/read-fixture.js";
import { builtInConditions, findCondition } from "./built-in.js";
import { lineartCondition, mlsdCondition } from "./line-conditions.js";
import { depthCondition, poseCondition, segmentationCondition } from "./scene-conditions.js";

const pictures = readImages("pictures.bin.gz");
const photograph = pictures.astronaut!;
const swap = (image: ByteImage): ByteImage => ({
  ...image,
  data: image.data.map((_, i) => image.data[i - (i % 3) + (2 - (i % 3))]!),
});
const standing = [
  [64, 20],
  [60, 18],
  [68, 18],
  [57, 20],
  [71, 20],
  [80, 40],
  [48, 40],
  [90, 60],
  [38, 60],
  [95, 80],
  [33, 80],
  [74, 80],
  [54, 80],
  [75, 100],
  [53, 100],
  [76, 120],
  [52, 120],
].map(([x, y]) => ({ x: x!, y: y!, score: 1 }));
const scene = { width: 128, height: 128, people: [{ body: toOpenPose(standing, "coco-17") }] };

test("conditions that need no network make sound maps of a photograph", async () => {
  for (const name of ["canny", "scribble", "lineart", "tile", "shuffle", "colour"] as const) {
    const map = await builtInConditions[name].detect(photograph);
    expect({ name, found: checkMap(findCondition(name), map) }).toEqual({ name, found: [] });
  }
  const lines = await builtInConditions.hough.detect(pictures.houses!, { threshold: 20, minLength: 10 });
  expect(checkMap(builtInConditions.hough, lines)).toEqual([]);
});

test("conditions that need a network name the weights and the way out", async () => {
  for (const name of ["mlsd", "hed", "softedge", "pose", "depth", "normal", "segmentation"] as const) {
    const error = await findCondition(name)
      .detect(photograph)
      .catch((reason: unknown) => reason);
    expect(isControlNetError(error) && error.code).toBe("missing");
    expect(String(error)).toMatch(new RegExp(`"${name}": .* needs a network .* withNetwork\\(network\\)`));
  }
});

test("a network given to a condition is used", async () => {
  const ramp = Float32Array.from({ length: 128 * 128 }, (_, i) => i % 128);
  const depth = depthCondition.withNetwork(() => ({ data: ramp, width: 128, height: 128, channels: 1 }));
  const map = await depth.detect(photograph);
  expect([map.data[0], map.data[127 * 3]]).toEqual([0, 255]);
  const pose = await poseCondition.withNetwork(() => scene).detect(photograph);
  expect(pose.data).toEqual(drawPoses(scene).data);
});

test("what was found comes with the map, in the same pass", async () => {
  let calls = 0;
  const pose = poseCondition.withNetwork(() => {
    calls++;
    return { ...scene, leftOut: 2 };
  });
  const { map, findings, warnings } = await pose.examine(photograph);
  expect(calls).toBe(1);
  expect(map.data).toEqual(drawPoses(scene).data);
  expect(findings).toEqual({ pose: writePoseJson(scene) });
  expect(warnings).toEqual([expect.stringMatching(/1 person is drawn, 2 more were found/)]);
  const segments = [{ x1: 1, y1: 2, x2: 30, y2: 2 }];
  expect((await mlsdCondition.withNetwork(() => segments).examine(photograph)).findings).toEqual({
    segments,
  });
  expect(await builtInConditions.canny.examine(photograph)).toMatchObject({ findings: {}, warnings: [] });
});

test("a line art network is used unless the filter is asked for, and its paper is inverted as bytes", async () => {
  const lines = Float32Array.of(1, 0.998, 0.5, 0);
  const lineart = lineartCondition.withNetwork(() => ({ data: lines, width: 2, height: 2, channels: 1 }));
  const { data } = await lineart.detect(blankImage(2, 2, 3));
  expect([0, 3, 6, 9].map((i) => data[i])).toEqual([255, 255, 128, 0]);
});

test("findCondition names the nearest condition; unknown options are errors", async () => {
  expect(findCondition("canny").name).toBe("canny");
  expect(() => findCondition("cany")).toThrow(/unknown condition "cany", did you mean "canny"\?/);
  expect(() => findCondition("toString")).toThrow(/unknown condition/);
  const bad = { hihg: 3 } as unknown as { high: number };
  await expect(builtInConditions.canny.detect(photograph, bad)).rejects.toThrow(/did you mean "high"/);
  await expect(builtInConditions.canny.detect(photograph, { low: -1 })).rejects.toThrow(/low/);
});

test("checkMap notices what is wrong with a map", async () => {
  const { canny } = builtInConditions;
  const map = await canny.detect(photograph);
  const kinds = (image: Parameters<typeof checkMap>[1], source?: ByteImage) =>
    checkMap(canny, image, source ? { source } : {}).map(({ kind, level }) => `${kind} ${level}`);
  expect(kinds(map)).toEqual([]);
  expect(kinds({ ...map, channels: 1 })).toEqual(["channels error"]);
  expect(kinds(blankImage(8, 8, 3))).toEqual(["blank error"]);
  expect(kinds({ ...map, data: map.data.map((v) => 255 - v) })).toEqual(["polarity warning"]);
  expect(kinds({ ...map, data: Float32Array.from(map.data) })).toEqual(["range error"]);
  expect(kinds({ ...map, data: Float32Array.from(map.data, (v) => (v ? Number.NaN : 0)) })).toEqual([
    "range error",
  ]);
  expect(kinds(await canny.detect(map), map)).toEqual(["already-processed warning"]);
  expect(() => assertMap(canny, blankImage(8, 8, 3))).toThrow(/nothing is drawn/);
});

test("a map of lines is too bright where more than half of its pixels are", () => {
  const traits = { ...builtInConditions.canny, channels: 1 };
  const words = randomWords({ seed: 3, purpose: "bright maps", index: 0 });
  for (const [offset, length] of [
    [0, 9000],
    [1, 9001],
    [2, 4097],
    [3, 8195],
    [5, 3],
  ] as const)
    for (const surplus of [0, 1]) {
      const data = new Uint8Array(offset + length).subarray(offset);
      for (let bright = 0; bright < Math.floor(length / 2) + surplus; ) {
        const at = words() % length;
        if (data[at] === 0) bright++;
        data[at] = 255;
      }
      const found = checkMap(traits, { data, width: length, height: 1, channels: 1 });
      const isBright = found.some(({ kind }) => kind === "polarity");
      expect({ offset, length, surplus, isBright }).toEqual({
        offset,
        length,
        surplus,
        isBright: surplus === 1,
      });
    }
});

test("a Canny of a Canny is noticed without its source, a Canny of a picture is not taken for one", async () => {
  const { canny } = builtInConditions;
  for (const name of [
    "astronaut",
    "coffee",
    "chelsea",
    "rocket",
    "camera",
    "drawing",
    "houses",
    "soft-noise",
  ]) {
    const map = await canny.detect(pictures[name]!);
    expect({ name, first: checkMap(canny, map) }).toEqual({ name, first: [] });
    const again = checkMap(canny, await canny.detect(map)).map(({ kind }) => kind);
    expect({ name, again }).toEqual({ name, again: ["already-processed"] });
  }
});

test("red and blue swapped are noticed in poses and segmentations", async () => {
  const { pose, segmentation } = builtInConditions;
  const drawn = drawPoses(scene);
  expect(checkMap(pose, drawn)).toEqual([]);
  expect(checkMap(pose, swap(drawn))[0]?.kind).toBe("channel-order");
  const labels = Uint8Array.from({ length: 400 }, (_, i) => (i * 7) % 150);
  const coloured = await segmentationCondition
    .withNetwork(() => ({ labels, width: 20, height: 20 }))
    .detect(blankImage(20, 20, 3));
  expect(checkMap(segmentation, coloured)).toEqual([]);
  expect(checkMap(segmentation, swap(coloured))[0]?.kind).toBe("channel-order");
});

test("labels survive colouring", () => {
  const labels = Uint8Array.from({ length: 144 }, (_, i) => i);
  const twins = new Set([48]); // ADE20K gives two classes the same grey.
  const read = readLabels(colourLabels({ labels, width: 12, height: 12 }, ADE20K_PALETTE), ADE20K_PALETTE);
  for (let i = 0; i < 144; i++) if (!twins.has(i)) expect(read.labels[i]).toBe(i);
  expect(() => colourLabels({ labels: Uint8Array.of(150), width: 1, height: 1 }, ADE20K_PALETTE)).toThrow(
    /label 150/,
  );
});
