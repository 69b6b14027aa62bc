import { expect, test } from "vitest";
import { poseScenes, type StoredScenes } from "../testing/pose-scenes.js";
import { readImages, readJson } from "../testing/read-fixture.js";
import { drawPoses } from "./draw-poses.js";
import type { Keypoint } from "./pose.js";

const scenes = poseScenes(readJson<StoredScenes>("pose.json"));
const expected = readImages("pose.bin.gz");

test.each(Object.entries(expected))("drawPoses equals the reference renderer: scene %s", (key, reference) => {
  const [index, version] = key.split(" ") as [string, "1.0" | "1.1"];
  const options = version === "1.0" ? { version, hands: false, face: false } : {};
  const drawn = drawPoses(scenes[Number(index)]!, options);
  let unequal = 0;
  for (let i = 0; i < reference.data.length; i += 3)
    if ([0, 1, 2].some((c) => drawn.data[i + c] !== reference.data[i + c])) unequal++;
  expect(unequal).toBe(0);
});

test("hands and faces beside bodies of 1.0 are those of 1.1", () => {
  const scene = scenes.find(({ people }) => people.some(({ leftHand, face }) => leftHand && face))!;
  // x / width * width is a little less than some whole numbers.
  const [first] = scene.people;
  const hand = Array.from({ length: 21 }, (_, i): Keypoint => ({ x: 7 + 5 * i, y: 9 + 3 * i }));
  const moved = { ...scene, people: [{ ...first!, leftHand: hand }, ...scene.people.slice(1)] };
  const drawn = (["1.0", "1.1"] as const).map((version) => drawPoses(moved, { version, body: false }));
  expect(drawn[0]).toEqual(drawn[1]);
});

test("drawPoses refuses people of another shape", () => {
  const body = Array<Keypoint | null>(17).fill(null);
  expect(() => drawPoses({ width: 9, height: 9, people: [{ body }] })).toThrow(
    /body needs 18 keypoints, got 17/,
  );
  const broken = [{ x: Number.NaN, y: 1 }, ...body];
  expect(() => drawPoses({ width: 9, height: 9, people: [{ body: broken }] })).toThrow(
    /keypoint at \(NaN, 1\)/,
  );
});
