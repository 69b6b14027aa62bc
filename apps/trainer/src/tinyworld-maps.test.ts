import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureOf } from "@controlnet-js/metrics";
import { cannyCondition, findCondition } from "@controlnet-js/preprocessors";
import {
  groundTruthOf,
  keypointsOf,
  render,
  render2,
  type Scene,
  sceneOf,
  sceneOf2,
  tinyworld,
} from "@controlnet-js/tinyworld";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { writeTinyworld } from "./dataset.js";
import { isExact, sceneMaps } from "./tinyworld-maps.js";

const folder = mkdtempSync(join(tmpdir(), "tinyworld-maps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mapOf = (name: string, scene: Scene, options: Record<string, unknown> = {}) =>
  sceneMaps(findCondition(name), options, false).of(render(scene), scene);

/** The first scene that `chosen` holds for. */
function find(chosen: (scene: Scene) => boolean): Scene {
  for (let index = 0; ; index++) {
    const scene = sceneOf({ seed: 1, index });
    if (chosen(scene)) return scene;
  }
}

test("depth is white where the scene is nearest and black in the sky", async () => {
  const scene = find((one) => groundTruthOf(one).depth.includes(Infinity));
  const { depth } = groundTruthOf(scene);
  const { data } = await mapOf("depth", scene);
  const nearest = depth.indexOf(Math.min(...depth));
  expect([...data.subarray(3 * nearest, 3 * nearest + 3)]).toEqual([255, 255, 255]);
  expect(data[3 * depth.indexOf(Infinity)]).toBe(0);
});

test("normals have the field's colours: what faces left is red, up green, the viewer blue", async () => {
  const scene = find(({ objects }) => objects[0]!.kind === "ball");
  const { normals } = groundTruthOf(scene);
  const { data } = await mapOf("normal", scene);
  const strongest = (axis: number, sign: number) => {
    let best = 0;
    for (let i = 0; i < normals.length; i += 3)
      if (sign * normals[i + axis]! > sign * normals[best + axis]!) best = i;
    return best;
  };
  expect(data[strongest(0, -1)]).toBeGreaterThan(200);
  expect(data[strongest(0, 1)]).toBeLessThan(55);
  expect(data[strongest(1, 1) + 1]).toBeGreaterThan(200);
  expect(data[strongest(2, 1) + 2]).toBeGreaterThan(200);
});

test("maps of world 2 are of its own scenes", async () => {
  const { scene, truthMap, render: draw } = tinyworld({ world: 2 }).open({ seed: 1, index: 4 });
  const maps = sceneMaps(findCondition("segmentation"), {}, false);
  expect((await maps.of(draw(), scene)).data).toEqual(truthMap("segmentation").data);
});

test("a scene of world 2 follows another's edges no better for having its caption", async () => {
  const condition = findCondition("canny");
  const options = { low: 100, high: 200 };
  const tally = measureOf(condition)!.start(options);
  for (let index = 0; index < 24; index++) {
    const [own, other] = [0, 1].map((layout) => render2(sceneOf2({ seed: 1, index, layout })));
    tally.add(
      { map: await condition.detect(other!, options) },
      { map: await condition.detect(own!, options) },
    );
  }
  expect(tally.figures().edgeF1).toBeLessThan(0.25);
});

test("a person's joints are drawn where they are; a scene without people is black", async () => {
  const scene = find((one) => keypointsOf(one).some((joints) => joints[1]!.visible));
  const { data, width } = await mapOf("pose", scene);
  const [, neck] = keypointsOf(scene)[0]!;
  const at = 3 * (Math.trunc(neck!.y) * width + Math.trunc(neck!.x));
  expect(data.subarray(at, at + 3).some((value) => value > 0)).toBe(true);
  const empty = await mapOf(
    "pose",
    find((one) => keypointsOf(one).length === 0),
  );
  expect(empty.data.every((value) => value === 0)).toBe(true);
});

test("a condition that sees for itself keeps its own map", async () => {
  const scene = sceneOf({ seed: 1, index: 0 });
  const image = render(scene);
  const maps = sceneMaps(cannyCondition as never, { low: 50, high: 100 }, true);
  expect(maps.name).toBe("canny");
  expect(await maps.of(image, scene)).toEqual(await cannyCondition.detect(image, { low: 50, high: 100 }));
  expect(isExact("canny")).toBe(false);
  expect(sceneMaps(findCondition("depth"), {}, false).name).toBe("exact depth");
});

test("a dataset of depth maps needs no network", async () => {
  const out = join(folder, "depth");
  await writeTinyworld({ out, count: 2, seed: 1, start: 5, condition: "depth", workers: 0 });
  const [first] = readFileSync(join(out, "prompt.json"), "utf8").trim().split("\n");
  const { source } = JSON.parse(first!) as { source: string };
  const written = await sharp(join(out, source)).raw().toBuffer();
  expect([...written]).toEqual([...(await mapOf("depth", sceneOf({ seed: 1, index: 5 }))).data]);
});
