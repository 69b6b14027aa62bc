import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import { builtInConditions, drawPoses, readPoseJson } from "@controlnet-js/preprocessors";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { namedByUser } from "../conditions/condition-name.js";
import { openDetector } from "../conditions/detector.js";
import { isMapDone } from "../conditions/map-file.js";
import { captureProgram } from "../testing/run-program.js";

const folder = mkdtempSync(join(tmpdir(), "detect-"));
const at = (name: string) => join(folder, name);
const photo = at("photo.png");

const square: Image = { data: new Uint8Array(64 * 48 * 3).fill(30), width: 64, height: 48, channels: 3 };
for (let y = 10; y < 40; y++) square.data.fill(220, (y * 64 + 12) * 3, (y * 64 + 50) * 3);

const writePng = (file: string, { data, width, height }: Image) =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file);
const pixels = async (file: string) => [...(await sharp(file).raw().toBuffer())];

beforeAll(() => writePng(photo, square));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `controlnet detect`; what it wrote to both streams. */
const detect = (...args: string[]) => captureProgram("detect", ...args);

test("writes the condition's map of a picture and says nothing bad about it", async () => {
  const { err } = await detect(
    ...["--condition", "canny", "--image", photo, "--out", at("new/edges.png")],
    ...["--option", "low=20", "--option", "aperture=5", "--option", "l2Gradient=true"],
  );
  expect(err).toBe(`canny, 64x48: ${at("new/edges.png")}\n`);
  const expected = await builtInConditions.canny.detect(square, { low: 20, aperture: 5, l2Gradient: true });
  expect(await pixels(at("new/edges.png"))).toEqual([...expected.data]);
});

test("wrong options name the nearest one, and what they take", async () => {
  const canny = ["--condition", "canny", "--image", photo, "--out", at("x.png"), "--option"];
  await expect(detect(...canny, "lwo=1")).rejects.toThrow(/unknown key "lwo", did you mean "low"\?/);
  await expect(detect(...canny, "low=soft")).rejects.toThrow(/low: expected number, got "soft"$/);
  await expect(detect(...canny, "low=-1")).rejects.toThrow(/low: .*>=0, got -1$/);
  await expect(detect(...canny, "aperture=4")).rejects.toThrow(/aperture: expected one of 3, 5, 7, got 4$/);
  await expect(detect(...canny, "__proto__=4")).rejects.toThrow(/unknown key "__proto__"/);
  await expect(detect(...canny, "low")).rejects.toThrow(/--option expects key=value, got "low"/);
  await expect(detect(...canny, "low=1", "--option", "low=2")).rejects.toMatchObject({
    code: "config",
    message: expect.stringMatching(/--option low was given twice, the second time as "low=2"/),
  });
  const twice = ["--weights", "a.pth", "--weights", "edges=b.pth"];
  await expect(detect("--condition", "hed", "--image", photo, "--json", ...twice)).rejects.toMatchObject({
    code: "config",
    message: expect.stringMatching(/--weights: "edges" was given twice/),
  });
  await expect(detect("--condition", "cany", "--image", photo, "--json")).rejects.toThrow(
    /did you mean "canny"/,
  );
  await expect(detect("--condition", "canny", "--image", photo, "--out", "x.jpg")).rejects.toThrow(
    /expects a \.png/,
  );
  await expect(detect("--condition", "canny")).rejects.toThrow(/give one of --image/);
});

test("--json prints the segments that the map shows", async () => {
  const { out } = await detect(
    ...["--condition", "hough", "--image", photo, "--json"],
    ...["--option", "minLength=20", "--option", "threshold=20"],
  );
  const report = JSON.parse(out);
  expect(report).toMatchObject({ condition: "hough", width: 64, height: 48, warnings: [] });
  expect(report.options).toMatchObject({ minLength: 20, maxGap: 10 });
  expect(report.segments.length).toBeGreaterThanOrEqual(4);
  for (const { x1, y1, x2, y2 } of report.segments)
    expect(Math.hypot(x2 - x1, y2 - y1)).toBeGreaterThanOrEqual(19);
});

test("maps of maps, blank maps and wrong polarity are noticed", async () => {
  await detect("--condition", "canny", "--image", photo, "--out", at("edges.png"));
  const twice = await detect("--condition", "canny", "--image", at("edges.png"), "--out", at("twice.png"));
  expect(twice.err).toMatch(/warning: .*map of a map/);
  await writePng(at("flat.png"), { ...square, data: new Uint8Array(square.data.length).fill(90) });
  const blank = await detect("--condition", "canny", "--image", at("flat.png"), "--json");
  expect(JSON.parse(blank.out).warnings[0]).toMatch(/nothing is drawn/);
  const inverted = await detect(
    ...["--condition", "scribble", "--option", "method=ink", "--image", at("edges.png"), "--json"],
  );
  expect(JSON.parse(inverted.out).warnings[0]).toMatch(/white on black; invert it/);
});

test("draws a pose from OpenPose's JSON, and gives it back", async () => {
  const body = Array.from({ length: 18 }, (_, i) => [10 + 2 * i, 5 + 2 * ((i * 7) % 18), 1]).flat();
  const pose = { canvas_width: 64, canvas_height: 48, people: [{ pose_keypoints_2d: body }] };
  writeFileSync(at("pose.json"), JSON.stringify(pose));
  const { out } = await detect(
    ...["--from-keypoints", at("pose.json"), "--out", at("pose.png"), "--option", "version=1.0", "--json"],
  );
  const scene = readPoseJson(pose);
  expect(readPoseJson(JSON.parse(out).pose)).toEqual(scene);
  expect(await pixels(at("pose.png"))).toEqual([...drawPoses(scene, { version: "1.0" }).data]);

  writeFileSync(at("marked.json"), `\uFEFF${JSON.stringify(pose)}`);
  const marked = await detect("--from-keypoints", at("marked.json"), "--json");
  expect(readPoseJson(JSON.parse(marked.out).pose)).toEqual(scene);

  writeFileSync(at("nobody.json"), JSON.stringify({ ...pose, people: [] }));
  const nobody = await detect("--from-keypoints", at("nobody.json"), "--out", at("nobody.png"));
  expect(nobody.err).toMatch(/warning: .*nobody was drawn/);
  writeFileSync(at("bomb.json"), JSON.stringify({ ...pose, canvas_width: 32768, canvas_height: 32768 }));
  await expect(detect("--from-keypoints", at("bomb.json"), "--json")).rejects.toThrow(/bomb\.json.*over/);
  writeFileSync(at("cut.json"), "{");
  await expect(detect("--from-keypoints", at("cut.json"), "--json")).rejects.toThrow(/cut\.json/);
  writeFileSync(at("typo.json"), '{"canvas_width": 64,\n"people": [\n  x\n]}');
  await expect(detect("--from-keypoints", at("typo.json"), "--json")).rejects.toThrow(/typo\.json: [^\n]*$/);
});

test("inpaint takes its hole from the picture's transparency", async () => {
  const data = Uint8Array.of(10, 20, 30, 255, 40, 50, 60, 0);
  await sharp(data, { raw: { width: 2, height: 1, channels: 4 } })
    .png()
    .toFile(at("hole.png"));
  await detect("--condition", "inpaint", "--image", at("hole.png"), "--out", at("inpaint.png"));
  expect(await pixels(at("inpaint.png"))).toEqual([10, 20, 30, 0, 0, 0]);
});

test("--list shows options with default and bounds, as text and as JSON schema", async () => {
  const text = (await detect("--list")).out;
  expect(text).toMatch(/^canny +Canny edges/m);
  expect(text).toMatch(/^ {2}low=100 +number 0 to 65535; /m);
  expect(text).toMatch(/^ {2}aperture=3 +3 \| 5 \| 7; /m);
  const entries = JSON.parse((await detect("--list", "--json", "--condition", "canny")).out);
  expect(entries).toHaveLength(1);
  expect(entries[0].options.properties.low).toMatchObject({ type: "number", default: 100, minimum: 0 });
});

test("a folder: subfolders, unreadable files listed, resuming keeps whole maps only", async () => {
  const dir = at("photos");
  const out = at("photos/maps");
  mkdirSync(join(dir, "more"), { recursive: true });
  for (const name of ["a.png", "b.png", "more/c.png"]) await writePng(join(dir, name), square);
  writeFileSync(join(dir, "a.jpg"), readFileSync(photo));
  writeFileSync(join(dir, "broken.jpg"), "not a picture");
  writeFileSync(join(dir, "notes.txt"), "no picture either");
  for (const name of ["d.bmp", "more/e.GIF", ".f.gif"]) writeFileSync(join(dir, name), "of another format");
  // Whoever reads it waits for ever.
  execFileSync("mkfifo", [join(dir, "pipe.png")]);
  const args = ["--dir", dir, "--out-dir", out, "--workers", "0"];

  const first = await detect("--condition", "canny", ...args, "--json");
  expect(process.exitCode).toBe(1);
  expect(first.err).toMatch(/3 maps, 3 failed/);
  expect(first.err).toMatch(/2 pictures were left out, .*: \S+d\.bmp, \S+more\/e\.GIF$/m);
  expect(first.err).toMatch(/pipe\.png: expected a file/);
  expect(first.err).toMatch(/broken\.jpg/);
  expect(first.err).toMatch(/a\.png: its map would overwrite that of .*a\.jpg/);
  expect(
    first.out
      .trim()
      .split("\n")
      .map((line) => Object.hasOwn(JSON.parse(line), "error")),
  ).toEqual(expect.arrayContaining([true, false]));
  expect(await pixels(join(out, "more/c.png"))).toEqual([
    ...(await builtInConditions.canny.detect(square)).data,
  ]);

  const whole = readFileSync(join(out, "b.png"));
  writeFileSync(join(out, "b.png"), whole.subarray(0, whole.length - 20));
  expect((await detect("--condition", "canny", ...args, "--resume")).err).toMatch(/1 map, 2 kept, 3 failed/);
  expect(readFileSync(join(out, "b.png"))).toEqual(whole);
  const other = await detect("--condition", "canny", "--option", "low=9", ...args, "--resume");
  expect(other.err).toMatch(/3 maps, 3 failed/);
  await expect(detect("--condition", "canny", "--dir", dir, "--out-dir", dir)).rejects.toThrow(/overwrite/);
});

test("maps of one's own condition are made anew when its module has changed", async () => {
  const module = at("own.mjs");
  const write = (value: number) =>
    writeFileSync(
      module,
      `export const own = {
        name: "own", description: "", channels: 1, range: [0, 1], polarity: "none", channelOrder: "none",
        resize: "area", blankIsError: false,
        options: { shape: {}, safeParse: (data) => ({ success: true, data }) },
        metadata: () => ({ condition: "own", channels: 1, range: [0, 1], options: {} }),
        detect: async ({ width, height }) =>
          ({ data: new Uint8Array(width * height).fill(${value}), width, height, channels: 1 }),
      };`,
    );
  mkdirSync(at("one"));
  await writePng(at("one/a.png"), square);
  const run = async () =>
    (
      await detect(
        "--condition",
        module,
        "--dir",
        at("one"),
        "--out-dir",
        at("own"),
        "--workers",
        "0",
        "--resume",
      )
    ).err;
  write(3);
  expect(await run()).toMatch(/1 map, 1 with warnings:/);
  expect(await run()).toMatch(/0 maps, 1 kept/);
  write(4);
  // As the next process opens it; this one has the module already.
  const changed = await openDetector({ condition: namedByUser(module), options: {} });
  expect(await isMapDone(at("own/a.png"), at("one/a.png"), changed)).toBe(false);
  write(3);
  const again = await openDetector({ condition: namedByUser(module), options: {} });
  expect(await isMapDone(at("own/a.png"), at("one/a.png"), again)).toBe(true);
});
