import { expect, test } from "vitest";
import { rayThrough, viewOf } from "./camera.js";
import { groundTruthOf } from "./ground-truth.js";
import { SEGMENTATION_PALETTE, segmentationId } from "./palette.js";
import { render } from "./render.js";
import type { Scene } from "./scene.js";
import { sceneOf } from "./scene-of.js";
import { truthMap } from "./truth-map.js";
import { add, dot, length, normalize, scaleBy, subtract, type Vector } from "./vector.js";

const first = (fits: (scene: Scene) => boolean): Scene => {
  for (let index = 0; ; index++) {
    const scene = sceneOf({ seed: 11, index });
    if (fits(scene)) return scene;
  }
};
const scenes = Array.from({ length: 12 }, (_, index) => sceneOf({ seed: 11, index }));

test("depth and normals of a ball are the sphere's own", () => {
  const scene = first(({ objects }) => objects.length === 1 && objects[0]!.kind === "ball");
  const truth = groundTruthOf(scene);
  const view = viewOf(scene.camera);
  const centre: Vector = [0, 0.7, 0];
  let seen = 0;
  for (let y = 0; y < 128; y++)
    for (let x = 0; x < 128; x++) {
      const i = y * 128 + x;
      if (!truth.objectMask[i]) continue;
      const direction = rayThrough(view, x + 0.5, y + 0.5, 128, 128);
      const from = subtract(view.position, centre);
      const [a, b, c] = [dot(direction, direction), dot(from, direction), dot(from, from) - 0.49];
      const depth = (-b - Math.sqrt(b * b - a * c)) / a;
      expect(truth.depth[i]).toBeCloseTo(depth, 5);
      const normal = normalize(subtract(add(view.position, scaleBy(direction, depth)), centre));
      expect(truth.normals[3 * i]).toBeCloseTo(normal[0], 4);
      expect(truth.normals[3 * i + 1]).toBeCloseTo(dot(normal, view.up), 4);
      expect(truth.normals[3 * i + 2]).toBeCloseTo(-dot(normal, view.forward), 4);
      seen++;
    }
  expect(seen).toBeGreaterThan(1500);
});

test("normals are unit vectors that face the viewer", () => {
  for (const scene of scenes) {
    const { normals, depth } = groundTruthOf(scene);
    const view = viewOf(scene.camera);
    let [longest, shortest, mostAverted] = [0, 2, -1];
    for (let i = 0; i < depth.length; i++) {
      if (depth[i] === Infinity) continue;
      const normal: Vector = [normals[3 * i]!, normals[3 * i + 1]!, normals[3 * i + 2]!];
      longest = Math.max(longest, length(normal));
      shortest = Math.min(shortest, length(normal));
      const [dx, dy, dz] = rayThrough(view, (i % 128) + 0.5, Math.floor(i / 128) + 0.5, 128, 128);
      const ray: Vector = [dx, dot([0, dy, dz], view.up), -dot([0, dy, dz], view.forward)];
      mostAverted = Math.max(mostAverted, dot(normal, normalize(ray)));
    }
    expect(longest).toBeCloseTo(1, 5);
    expect(shortest).toBeCloseTo(1, 5);
    expect(mostAverted).toBeLessThan(0.02);
  }
});

test("segmentation, mask and depth tell the same story", () => {
  for (const scene of scenes) {
    const { segmentation, objectMask, depth } = groundTruthOf(scene);
    const main = segmentationId(scene.objects[0]!.kind);
    const sky = segmentationId("sky");
    let contradictions = 0;
    for (let i = 0; i < depth.length; i++) {
      if ((segmentation[i] === main) !== (objectMask[i] === 1)) contradictions++;
      if ((segmentation[i] === sky) !== (depth[i] === Infinity)) contradictions++;
    }
    expect(contradictions).toBe(0);
  }
  SEGMENTATION_PALETTE.forEach(({ id }, i) => {
    expect(id).toBe(i);
  });
  expect(new Set(SEGMENTATION_PALETTE.map(({ colour }) => colour.join())).size).toBe(
    SEGMENTATION_PALETTE.length,
  );
});

test("the main object is well visible", () => {
  const shares = Array.from({ length: 60 }, (_, index) => {
    const { objectMask } = groundTruthOf(sceneOf({ seed: 12, index }));
    return objectMask.reduce((sum, value) => sum + value, 0) / objectMask.length;
  }).sort((a, b) => a - b);
  expect(shares[0]).toBeGreaterThan(0.05);
  expect(shares[30]).toBeGreaterThan(0.15);
  expect(shares[59]).toBeLessThan(0.65);
});

test("maps have the picture's size at any size", () => {
  const size = { width: 96, height: 64 };
  const scene = scenes[0]!;
  expect(render(scene, size).data.length).toBe(96 * 64 * 3);
  for (const name of ["depth", "normal", "segmentation", "lines"] as const)
    expect(truthMap(scene, name, size)).toMatchObject({ ...size, channels: 3 });
});
