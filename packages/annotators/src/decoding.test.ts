import { readFileSync } from "node:fs";
import type { Image } from "@controlnet-js/core";
import { gaussianBlur } from "@controlnet-js/preprocessors";
import { describe, expect, test } from "vitest";
import { decodeSegments } from "./mlsd/decode-segments.js";
import { decodeBodies } from "./open-pose/decode-bodies.js";
import { decodeHand } from "./open-pose/decode-hand.js";
import { handBoxes } from "./open-pose/hand-boxes.js";
import { bodyInput, networkInput } from "./open-pose/network-input.js";
import { asImage, readFixture } from "./testing/read-fixture.js";

interface StoredScene {
  width: number;
  height: number;
  people: {
    score: number;
    parts: number;
    body: ([number, number, number] | null)[];
    hands: [number, number, number, boolean][];
  }[];
}
const fixture = readFixture("decoding.bin.gz");
const { scenes } = JSON.parse(
  readFileSync(new URL("../fixtures/decoding.json", import.meta.url), "utf8"),
) as { scenes: Record<string, StoredScene> };

/** Maps that are stored in thousandths. */
const maps = (key: string): Image<Float32Array> => {
  const { shape, data } = fixture[key]!;
  const [height, width, channels] = shape as [number, number, number];
  return { data: Float32Array.from(data, (value) => value / 1000), width, height, channels };
};
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
};
const seenSize = ({ width, height }: { width: number; height: number }) => ({
  width: Math.trunc((0.5 * 368 * width) / height),
  height: Math.trunc((0.5 * 368 * height) / height),
});

describe.each(Object.entries(scenes))("the people of scene %s", (key, scene) => {
  const found = () =>
    decodeBodies(maps(`${key}.limbs`), maps(`${key}.joints`), seenSize(scene), scene.width, scene.height);

  test("are those that controlnet_aux finds, joint by joint", () => {
    const people = found();
    expect(people.map(({ parts }) => parts)).toEqual(scene.people.map(({ parts }) => parts));
    people.forEach((person, i) => {
      const expected = scene.people[i]!;
      expect(person.score).toBeCloseTo(expected.score, 4);
      expect(person.body.map((joint) => joint && [joint.x, joint.y])).toEqual(
        expected.body.map((joint) => joint?.slice(0, 2) ?? null),
      );
      person.body.forEach((joint, k) => {
        if (joint) expect(joint.score).toBeCloseTo(expected.body[k]![2], 5);
      });
    });
  });

  test("have their hands where controlnet_aux looks for them", () => {
    const boxes = found().map(({ body }) => handBoxes(body, scene.width, scene.height));
    expect(boxes.map((hands) => hands.map(({ x, y, size, side }) => [x, y, size, side === "left"]))).toEqual(
      scene.people.map(({ hands }) => hands),
    );
  });
});

test("the body network is asked for the picture that controlnet_aux shows it", () => {
  const { shape, data } = fixture["one.asked"]!;
  const photograph = asImage(fixture["one.photo"]!);
  const { picture } = bodyInput(photograph);
  expect([picture.height, picture.width, 3]).toEqual(shape);
  // Resizing is within one level of OpenCV's.
  expect(largestDifference(picture.data, data)).toBeLessThanOrEqual(1 / 256);
});

test("the joints of a hand are those that controlnet_aux finds", () => {
  const scales = [0.5, 1, 1.5, 2].map((scale, i) => ({
    maps: maps(`hand.heat${i}`),
    seen: { width: 368 * scale, height: 368 * scale },
  }));
  const { data } = fixture["hand.peaks"]!;
  const joints = decodeHand(scales, fixture["hand.crop"]!.shape[0]!);
  expect(joints.map((joint) => (joint ? [joint.x, joint.y] : [0, 0]))).toEqual(
    Array.from({ length: 21 }, (_, i) => [data[2 * i], data[2 * i + 1]]),
  );
});

test("the hand network is asked for the picture that controlnet_aux shows it", () => {
  const { shape, data } = fixture["hand.asked0"]!;
  const { picture } = networkInput(gaussianBlur(asImage(fixture["hand.crop"]!), 0.8), 184, 184);
  const corner = Float32Array.from(data, (_, i) => {
    const row = Math.floor(i / (3 * shape[1]!));
    return picture.data[row * picture.width * 3 + (i % (3 * shape[1]!))]!;
  });
  expect(largestDifference(corner, data)).toBeLessThanOrEqual(1 / 256);
});

test.each([
  ["few", { value: 0.3, distance: 5 }],
  ["default", { value: 0.1, distance: 0.1 }],
])("M-LSD's segments are those of its authors: %s", (name, thresholds) => {
  const { data, shape } = fixture[`lines.${name}`]!;
  const segments = decodeSegments(maps("lines.out"), thresholds);
  expect(segments).toHaveLength(shape[0]!);
  segments.forEach(({ x1, y1, x2, y2 }, i) => {
    for (const [k, value] of [x1, y1, x2, y2].entries()) expect(value).toBeCloseTo(data[4 * i + k]!, 4);
  });
});
