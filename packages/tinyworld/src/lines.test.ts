import { expect, test } from "vitest";
import { project, viewOf } from "./camera.js";
import { linesOf } from "./lines.js";
import { blockCorners } from "./parts.js";
import type { Scene } from "./scene.js";
import { sceneOf } from "./scene-of.js";
import { worldOf } from "./world.js";

const alone = (kind: string, setting?: string): Scene => {
  for (let index = 0; ; index++) {
    const scene = sceneOf({ seed: 6, index });
    if (scene.objects.length === 1 && scene.objects[0]!.kind === kind && scene.setting !== "room")
      return scene;
    if (setting && scene.setting === setting && scene.objects[0]!.kind === kind) return scene;
  }
};

test("a cube shows the nine edges of its three visible faces, or seven of two, from corner to corner", () => {
  const scene = alone("cube");
  const view = viewOf(scene.camera);
  const corners = blockCorners(worldOf(scene).built[0]!.parts[0]!).map((corner) =>
    project(view, corner, 128, 128),
  );
  const lines = linesOf(scene);
  expect([7, 9]).toContain(lines.length);
  for (const { from, to } of lines)
    for (const [x, y] of [from, to])
      expect(Math.min(...corners.map((corner) => Math.hypot(corner.x - x, corner.y - y)))).toBeLessThan(1.5);
});

test("a house has many edges, a ball none", () => {
  expect(linesOf(alone("house"), { width: 256, height: 256 }).length).toBeGreaterThan(15);
  expect(linesOf(alone("ball"))).toEqual([]);
});

test("a room adds the edge between floor and wall", () => {
  const lines = linesOf(alone("ball", "room"));
  for (const { object, from, to } of lines) {
    expect(object).toBe(-1);
    expect(from[1]).toBeCloseTo(to[1], 6);
  }
});
