import { expect, test } from "vitest";
import { JOINTS } from "./figure.js";
import { groundTruthOf } from "./ground-truth.js";
import { keypointsOf } from "./keypoints.js";
import { sceneOf } from "./scene-of.js";

const people = Array.from({ length: 260 }, (_, index) => sceneOf({ seed: 5, index })).filter(
  ({ objects }) => objects[0]!.kind === "person",
);

test("visible joints lie on the figure", () => {
  expect(people.length).toBeGreaterThan(20);
  let visible = 0;
  for (const scene of people) {
    const { objectMask } = groundTruthOf(scene, { width: 512, height: 512 });
    const [joints, ...others] = keypointsOf(scene, { width: 512, height: 512 });
    expect(others).toEqual([]);
    expect(joints).toHaveLength(JOINTS.length);
    for (const joint of joints!.filter((point) => point.visible)) {
      visible++;
      let near = 0;
      for (let dy = -6; dy <= 6; dy++)
        for (let dx = -6; dx <= 6; dx++)
          near += objectMask[Math.floor(joint.y + dy) * 512 + Math.floor(joint.x + dx)] ?? 0;
      expect(near).toBeGreaterThan(0);
    }
  }
  expect(visible / people.length).toBeGreaterThan(14);
});

test("joints stand as a body does", () => {
  for (const scene of people) {
    const [joints] = keypointsOf(scene);
    const at = (name: (typeof JOINTS)[number]) => joints![JOINTS.indexOf(name)]!;
    expect(at("nose").y).toBeLessThan(at("neck").y);
    expect(at("neck").y).toBeLessThan(at("left hip").y);
    expect(at("left hip").y).toBeLessThan(at("left ankle").y);
    // A person who faces us has the right hand side on our left.
    expect(at("right shoulder").x).toBeLessThan(at("left shoulder").x);
    if (scene.objects[0]!.pose === "cheering") expect(at("left wrist").y).toBeLessThan(at("nose").y);
  }
});

test("the far ear of a turned head is hidden", () => {
  const turned = people.filter(({ objects }) => Math.abs(objects[0]!.yaw) > 0.6);
  for (const scene of turned) {
    const [joints] = keypointsOf(scene, { width: 512, height: 512 });
    const far = JOINTS.indexOf(scene.objects[0]!.yaw > 0 ? "left ear" : "right ear");
    expect(joints![far]!.visible).toBe(false);
  }
  expect(turned.length).toBeGreaterThan(3);
});

test("scenes without people have no joints", () => {
  const scene = Array.from({ length: 50 }, (_, index) => sceneOf({ seed: 5, index })).find(
    ({ objects }) => objects[0]!.kind === "car",
  );
  expect(keypointsOf(scene!)).toEqual([]);
});
