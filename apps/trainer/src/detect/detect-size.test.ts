import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { builtInConditions, drawPoses, readPoseJson, resizeToResolution } from "@controlnet-js/preprocessors";
import { readImage, readPngText } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { partPath } from "../files/replace-file.js";
import { fingerprint } from "../networks/fingerprint.js";
import { captureProgram } from "../testing/run-program.js";

const folder = mkdtempSync(join(tmpdir(), "detect-size-"));
const at = (name: string) => join(folder, name);
const photo = at("photo.png");

beforeAll(async () => {
  const data = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => ((i % 900) % 240 < 130 ? 20 : 230));
  await sharp(data, { raw: { width: 300, height: 200, channels: 3 } })
    .png()
    .toFile(photo);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `controlnet detect`; what it wrote to both streams. */
const detect = (...args: string[]) => captureProgram("detect", ...args);

test("--size resizes the picture by the field's rule before its map is made", async () => {
  for (const size of [128, 512]) {
    const { out } = await detect(
      ...[
        "--condition",
        "canny",
        "--image",
        photo,
        "--out",
        at("sized.png"),
        "--size",
        String(size),
        "--json",
      ],
    );
    const sized = resizeToResolution(await readImage(photo), size);
    expect(JSON.parse(out)).toMatchObject({ width: sized.width, height: sized.height });
    const map = await builtInConditions.canny.detect(sized);
    expect(Buffer.compare(await sharp(at("sized.png")).raw().toBuffer(), map.data)).toBe(0);
  }
  await expect(detect("--condition", "canny", "--image", photo, "--json", "--size", "20")).rejects.toThrow(
    /\[64, 4096\]/,
  );
});

test("--size that makes a narrow picture huge is refused with its way out", async () => {
  await sharp({ create: { width: 1, height: 900, channels: 3, background: "red" } })
    .png()
    .toFile(at("narrow.png"));
  const narrow = ["--condition", "canny", "--image", at("narrow.png"), "--json"];
  await expect(detect(...narrow, "--size", "512")).rejects.toMatchObject({
    code: "range",
    message: expect.stringMatching(/narrow\.png: 1x900 .* 512x460800, over .* smaller --size/),
  });
});

test("--size draws keypoints on a canvas of that size", async () => {
  const body = Array.from({ length: 18 }, (_, i) => [10 + 2 * i, 5 + 2 * ((i * 7) % 18), 1]).flat();
  const pose = { canvas_width: 96, canvas_height: 48, people: [{ pose_keypoints_2d: body }] };
  writeFileSync(at("pose.json"), JSON.stringify(pose));
  const { out } = await detect(
    ...["--from-keypoints", at("pose.json"), "--out", at("pose.png"), "--size", "128", "--json"],
  );
  const scene = readPoseJson(JSON.parse(out).pose);
  expect(scene).toMatchObject({ width: 256, height: 128 });
  expect(scene.people[0]!.body[1]!.x).toBeCloseTo((12 / 96) * 256, 6);
  expect(Buffer.compare(await sharp(at("pose.png")).raw().toBuffer(), drawPoses(scene).data)).toBe(0);
});

test("--resume keeps maps of the same size only", async () => {
  mkdirSync(at("photos"));
  writeFileSync(at("photos/a.png"), readFileSync(photo));
  const args = ["--condition", "canny", "--dir", at("photos"), "--out-dir", at("maps"), "--workers", "0"];
  await detect(...args, "--size", "128");
  expect(JSON.parse(readPngText(readFileSync(at("maps/a.png")), "controlnet-condition")!)).toMatchObject({
    condition: "canny",
    size: 128,
  });
  expect((await detect(...args, "--size", "128", "--resume")).err).toMatch(/1 kept/);
  expect((await detect(...args, "--size", "192", "--resume")).err).toMatch(/1 map:/);
  expect((await detect(...args, "--resume")).err).toMatch(/1 map:/);
  expect((await detect(...args, "--resume")).err).toMatch(/1 kept/);
});

test("a map never takes the place of its picture, however that is spelled", async () => {
  const before = readFileSync(photo);
  symlinkSync(photo, at("link.png"));
  symlinkSync(folder, at("elsewhere"));
  const spellings = [photo, relative(process.cwd(), photo), at("link.png"), at("elsewhere/photo.png")];
  for (const out of spellings)
    await expect(detect("--condition", "canny", "--image", photo, "--out", out)).rejects.toThrow(
      /would overwrite/,
    );
  mkdirSync(at("nested/in/in"), { recursive: true });
  for (const name of ["nested/in/a.png", "nested/in/in/a.png"]) writeFileSync(at(name), before);
  symlinkSync(at("nested/in"), at("same"));
  const dir = ["--condition", "canny", "--workers", "0", "--dir", at("nested/in"), "--out-dir"];
  await expect(detect(...dir, at("same"))).rejects.toThrow(/would overwrite its pictures/);
  const { err } = await detect(...dir, at("nested"));
  expect(err).toMatch(
    /1 map, 1 failed[\s\S]*in\/in\/a\.png: its map would overwrite the picture .*in\/a\.png/,
  );
  expect(readFileSync(at("nested/in/a.png"))).toEqual(before);
  expect(readFileSync(photo)).toEqual(before);
});

test("what a killed run left half written goes with the next one; a name may be as long as files have them", async () => {
  mkdirSync(at("long"));
  const name = `${"n".repeat(251)}.png`;
  writeFileSync(at(`long/${name}`), readFileSync(photo));
  await detect("--condition", "canny", "--dir", at("long"), "--out-dir", at("left"), "--workers", "0");
  expect(readdirSync(at("left"))).toEqual([name]);

  const ended = spawnSync(process.execPath, ["-e", ""]).pid;
  const parts = [ended, process.ppid].map((pid) =>
    basename(partPath("")).replace(`${process.pid}-`, `${pid}-`),
  );
  for (const part of parts) writeFileSync(at(`left/${part}`), "half");
  await detect("--condition", "canny", "--dir", at("long"), "--out-dir", at("left"), "--workers", "0");
  // Another run may still be writing its own.
  expect(readdirSync(at("left")).sort()).toEqual([parts[1], name]);
});

test("places where no folder can be made are refused at once", async () => {
  writeFileSync(at("file"), "");
  const places = [at("file/maps"), ...(existsSync("/proc/self") ? ["/proc/nowhere/maps"] : [])];
  for (const place of places) {
    const io = { code: "io", message: expect.stringMatching(/nowhere|file/) };
    await expect(
      detect("--condition", "canny", "--image", photo, "--out", join(place, "map.png")),
    ).rejects.toMatchObject(io);
    await expect(detect("--condition", "canny", "--dir", folder, "--out-dir", place)).rejects.toMatchObject(
      io,
    );
  }
});

test("weights are told apart by any of their bytes that is looked at, and by the names of their files", async () => {
  const bytes = Buffer.alloc(3_000_000, 7);
  mkdirSync(at("model/onnx"), { recursive: true });
  writeFileSync(at("a.pth"), bytes);
  writeFileSync(at("b.pth"), bytes);
  const same = await fingerprint(at("a.pth"));
  expect(same).toMatch(/^[0-9a-f]{16}$/);
  expect(await fingerprint(at("b.pth"))).toBe(same);
  for (const place of [0, 65_535, bytes.length - 1]) {
    const other = Buffer.from(bytes);
    other[place] = 8;
    writeFileSync(at("b.pth"), other);
    expect(await fingerprint(at("b.pth"))).not.toBe(same);
  }
  writeFileSync(at("b.pth"), bytes.subarray(1));
  expect(await fingerprint(at("b.pth"))).not.toBe(same);

  writeFileSync(at("model/onnx/model.onnx"), "weights");
  const model = await fingerprint(at("model"));
  writeFileSync(at("model/config.json"), "{}");
  expect(await fingerprint(at("model"))).not.toBe(model);
  await expect(fingerprint(at("none.pth"))).rejects.toMatchObject({ code: "io" });
});
