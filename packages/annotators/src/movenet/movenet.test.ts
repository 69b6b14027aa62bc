import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BODY_JOINTS, type ByteImage, blankImage, poseCondition } from "@controlnet-js/preprocessors";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMoveNet } from "../node/open-movenet.js";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { shapeAttribute, typeAttribute, writeGraphModel } from "../testing/write-graph-model.js";

beforeAll(useWasm);
const folder = mkdtempSync(join(tmpdir(), "movenet-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How wide the square is that the small network sees. */
const SIDE = 96;
/** What turns the brightest place's y and x into 17 joints around it, all of score 0.9. */
const offsets = Array.from({ length: 17 }, (_, joint) => [joint / 100, -joint / 100, 0.9]).flat();

/**
 * A network of MoveNet's form: its joints lie where the picture is brightest. `rows` of the output are people; with 56
 * numbers it is a multi-pose network, whose persons have the scores given.
 */
function writeNetwork(scores?: readonly number[]): void {
  const float = { T: typeAttribute("float32") };
  const int = (...values: number[]) => ({ dtype: "int32" as const, shape: [values.length], values });
  const multi = scores !== undefined;
  const people = scores?.length ?? 1;
  const tail = (scores ?? []).flatMap((score) => [0, 0, 0, 0, score]);
  writeGraphModel(
    folder,
    [
      {
        name: "input",
        op: "Placeholder",
        attr: { dtype: typeAttribute("int32"), shape: shapeAttribute([1, SIDE, SIDE, 3]) },
      },
      {
        name: "float",
        op: "Cast",
        input: ["input"],
        attr: { SrcT: typeAttribute("int32"), DstT: typeAttribute("float32") },
      },
      { name: "light", op: "Sum", input: ["float", "channels"], attr: { ...float, keep_dims: { b: false } } },
      { name: "flat", op: "Reshape", input: ["light", "pixels"], attr: float },
      {
        name: "at",
        op: "ArgMax",
        input: ["flat", "last"],
        attr: { ...float, output_type: typeAttribute("int32") },
      },
      {
        name: "index",
        op: "Cast",
        input: ["at"],
        attr: { SrcT: typeAttribute("int32"), DstT: typeAttribute("float32") },
      },
      { name: "row", op: "FloorDiv", input: ["index", "side"], attr: float },
      { name: "above", op: "Mul", input: ["row", "side"], attr: float },
      { name: "column", op: "Sub", input: ["index", "above"], attr: float },
      { name: "zero", op: "Sub", input: ["index", "index"], attr: float },
      {
        name: "place",
        op: "ConcatV2",
        input: ["row", "column", "zero", "axis"],
        attr: { ...float, N: { i: "3" } },
      },
      { name: "part", op: "RealDiv", input: ["place", "side"], attr: float },
      { name: "repeated", op: "Tile", input: ["part", "seventeen"], attr: float },
      { name: "joints", op: "AddV2", input: ["repeated", "offsets"], attr: float },
      ...(multi
        ? [
            { name: "rows", op: "Reshape", input: ["joints", "row shape"], attr: float },
            { name: "everyone", op: "Tile", input: ["rows", "people"], attr: float },
            {
              name: "output",
              op: "ConcatV2",
              input: ["everyone", "tail", "two"],
              attr: { ...float, N: { i: "2" } },
            },
          ]
        : [{ name: "output", op: "Reshape", input: ["joints", "single"], attr: float }]),
    ],
    {
      channels: int(3),
      pixels: int(1, SIDE * SIDE),
      last: { ...int(1), shape: [] },
      axis: { ...int(0), shape: [] },
      seventeen: int(17),
      side: { dtype: "float32", shape: [], values: [SIDE] },
      offsets: { dtype: "float32", shape: [51], values: offsets },
      ...(multi
        ? {
            "row shape": int(1, 1, 51),
            people: int(1, people, 1),
            two: { ...int(2), shape: [] },
            tail: { dtype: "float32" as const, shape: [1, people, 5], values: tail },
          }
        : { single: int(1, 1, 17, 3) }),
    },
    "output",
  );
}

/** A dark picture with one bright pixel block. */
function lightAt(width: number, height: number, x: number, y: number): ByteImage {
  const image = blankImage(width, height, 3);
  for (let v = y - 2; v <= y + 2; v++) image.data.fill(255, (v * width + x - 2) * 3, (v * width + x + 3) * 3);
  return image;
}

describe("a network of MoveNet's form", () => {
  test("sees the whole picture; its joints come back to the picture's pixels", async () => {
    writeNetwork();
    const network = await openMoveNet(folder);
    await expectNoTensorLeak(async () => {
      for (const [width, height, x, y] of [
        [384, 192, 100, 60],
        [50, 192, 30, 150],
      ] as const) {
        const { people } = await network(lightAt(width, height, x, y));
        const nose = people[0]!.body[0]!;
        const pixel = Math.max(width, height) / SIDE;
        expect(Math.abs(nose.x - x)).toBeLessThanOrEqual(2 + pixel);
        expect(Math.abs(nose.y - y)).toBeLessThanOrEqual(2 + pixel);
        expect(nose.score).toBeCloseTo(0.9, 5);
        const wrist = people[0]!.body[BODY_JOINTS.indexOf("rightWrist")]!;
        // The tenth joint of COCO lies 0.1 of the square below the nose and to its left, but never outside the picture.
        expect(wrist.y).toBeCloseTo(Math.min(nose.y + 0.1 * pixel * SIDE, height - 1), 3);
        expect(wrist.x).toBeCloseTo(Math.max(nose.x - 0.1 * pixel * SIDE, 0), 3);
      }
    });
    network.dispose();
  });

  test("several people: those who are unsure are left out, more than the limit as well, with a warning", async () => {
    writeNetwork([0.2, 0.9, 0.5, 0.7]);
    const network = await openMoveNet(folder, { maxPeople: 2 });
    const { findings, warnings } = await poseCondition.withNetwork(network).examine(lightAt(96, 96, 48, 48));
    expect((findings.pose as { people: unknown[] }).people).toHaveLength(2);
    expect(warnings).toEqual([expect.stringMatching(/2 people are drawn, 1 more were found/)]);
    network.dispose();
  });

  test("nobody is an empty scene", async () => {
    writeNetwork([0.1, 0.05]);
    const network = await openMoveNet(join(folder, "model.json"));
    expect(await network(lightAt(96, 64, 48, 32))).toEqual({ width: 96, height: 64, people: [], leftOut: 0 });
    network.dispose();
  });
});

test("what is no MoveNet is refused by name", async () => {
  await expect(openMoveNet(join(folder, "nowhere"))).rejects.toThrow(/nowhere: there is no such file/);
  const empty = mkdtempSync(join(folder, "empty-"));
  await expect(openMoveNet(empty)).rejects.toThrow(/expected a model\.json/);
  writeFileSync(join(empty, "model.json"), '{"format": "layers-model"}');
  await expect(openMoveNet(empty)).rejects.toMatchObject({ code: "format" });
  const input = {
    name: "input",
    op: "Placeholder",
    attr: { dtype: typeAttribute("float32"), shape: shapeAttribute([1, 10]) },
  };
  writeGraphModel(empty, [input], { one: { dtype: "float32", shape: [], values: [1] } }, "input");
  await expect(openMoveNet(empty)).rejects.toThrow(/expected MoveNet.*found inputs \[1, 10\]/);
});

// The published networks are too large to keep here: tooling/reference/annotators/fetch-movenet.sh brings them.
const published = new URL("../../../../.cache/movenet/", import.meta.url).pathname;

describe.skipIf(!existsSync(published))("the published MoveNet", () => {
  test.each(["movenet-lightning.json", "movenet-multipose.json"])("%s finds the astronaut", async (name) => {
    const photograph = asImage(readFixture("decoding.bin.gz")["one.photo"]!);
    const network = await openMoveNet(join(published, name));
    const { people } = await network(photograph);
    expect(people).toHaveLength(1);
    const joint = (which: (typeof BODY_JOINTS)[number]) => people[0]!.body[BODY_JOINTS.indexOf(which)]!;
    // Where they are in the photograph, by eye.
    const seen = {
      nose: [111, 60],
      rightEye: [102, 50],
      leftEye: [123, 50],
      rightShoulder: [57, 121],
      leftShoulder: [155, 132],
    };
    for (const [which, [x, y]] of Object.entries(seen))
      expect(Math.hypot(joint(which as "nose").x - x!, joint(which as "nose").y - y!)).toBeLessThan(12);
    network.dispose();
  });
});
