import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { openHed } from "@controlnet-js/annotators/node";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { ADE20K_PALETTE, hedCondition, readPoseJson, resizeToResolution } from "@controlnet-js/preprocessors";
import { readImage } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { madeWeights } from "../../../../packages/annotators/src/testing/made-weights.js";
import { asImage, readFixture } from "../../../../packages/annotators/src/testing/read-fixture.js";
import { captureProgram } from "../testing/run-program.js";

const folder = mkdtempSync(join(tmpdir(), "detect-networks-"));
const photo = join(folder, "photo.png");
const out = join(folder, "map.png");

/** A file as torch saves it, with the real names and shapes; its values are all the same. */
function weights(name: string): string {
  const packed = new URL(`../../../../packages/annotators/fixtures/${name}.pth.gz`, import.meta.url);
  const file = join(folder, `${name}.pth`);
  if (!existsSync(file)) writeFileSync(file, gunzipSync(readFileSync(packed)));
  return file;
}

beforeAll(async () => {
  const picture = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
  await sharp(picture, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toFile(photo);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `controlnet detect` on WebAssembly; what it wrote to both streams. */
const detect = (...args: string[]) => captureProgram("detect", "--engine", "wasm", ...args);

test.each([
  [
    "pose",
    /--weights PATH of OpenPose, body_pose_model\.pth.*--weights hand=PATH adds .*hand_pose_model\.pth/,
  ],
  ["hed", /--weights PATH of HED, ControlNetHED\.pth/],
  ["softedge", /ControlNetHED\.pth/],
  ["mlsd", /mlsd_large_512_fp32\.pth/],
  ["depth", /Depth Anything/],
  ["normal", /Depth Anything/],
  ["segmentation", /SegFormer/],
])("%s without weights names the file wanted and the flag", async (condition, message) => {
  await expect(detect("--condition", condition, "--image", photo, "--out", out)).rejects.toMatchObject({
    code: "missing",
    message: expect.stringMatching(message),
  });
});

test("lineart and scribble need weights only where their network is asked for", async () => {
  await detect("--condition", "lineart", "--image", photo, "--out", out);
  const asked = ["--image", photo, "--out", out, "--option"];
  await expect(detect("--condition", "lineart", ...asked, "method=network")).rejects.toThrow(/sk_model\.pth/);
  await expect(detect("--condition", "scribble", ...asked, "method=soft-edges")).rejects.toThrow(
    /ControlNetHED/,
  );
});

test("weights of another network, unknown parts and conditions without a network are refused by name", async () => {
  const rest = ["--image", photo, "--out", out, "--weights"];
  await expect(detect("--condition", "hed", ...rest, weights("mlsd"))).rejects.toThrow(
    /mlsd\.pth: expected the weights of HED \(ControlNetHED\.pth\), found M-LSD \(mlsd_large_512_fp32\.pth\)/,
  );
  await expect(detect("--condition", "pose", ...rest, weights("hed"))).rejects.toThrow(
    /expected the weights of OpenPose's body network.*found HED/,
  );
  await expect(detect("--condition", "pose", ...rest, "hnad=x.pth")).rejects.toThrow(
    /no part "hnad", did you mean "hand"\?/,
  );
  await expect(detect("--condition", "canny", ...rest, "x.pth")).rejects.toThrow(
    /"canny" takes no --weights/,
  );
  await expect(detect("--condition", "hed", ...rest, join(folder, "none.pth"))).rejects.toThrow(/none\.pth/);
});

test("--weights opens the network; --json prints what it found", async () => {
  const rest = ["--image", photo, "--out", out, "--json", "--resolution", "64", "--weights"];
  const hed = JSON.parse((await detect("--condition", "hed", ...rest, weights("hed"))).out);
  expect(hed).toMatchObject({
    condition: "hed",
    width: 64,
    height: 64,
    channels: 3,
    options: { safe: false },
  });

  const lineart = JSON.parse((await detect("--condition", "lineart", ...rest, weights("lineart"))).out);
  expect(lineart.options.method).toBe("network");

  const mlsd = JSON.parse((await detect("--condition", "mlsd", ...rest, weights("mlsd"))).out);
  expect(mlsd.segments).toEqual([]);
});

test("--size is what the network sees", async () => {
  const lively = join(folder, "lively.safetensors");
  const source = madeWeights("hed");
  await saveSafetensors(
    lively,
    source.names().map((name) => source.get(name)),
  );
  await detect("--condition", "hed", "--image", photo, "--out", out, "--weights", lively, "--size", "96");
  const map = await sharp(out).raw().toBuffer();
  const network = openHed(lively, { resolution: "picture" });
  const { data } = await hedCondition
    .withNetwork(network)
    .detect(resizeToResolution(await readImage(photo), 96));
  network.dispose();
  expect(new Set(data).size).toBeGreaterThan(20);
  expect(Buffer.compare(map, data)).toBe(0);
});

test("segmentation by UPerNet gives each pixel the colour of transformers' class, at the network's own resolution", async () => {
  const upernet = fileURLToPath(
    new URL("../../../../packages/annotators/fixtures/upernet/folder", import.meta.url),
  );
  const { "folder.picture": picture, "folder.labels": labels } = readFixture("upernet/upernet.bin.gz");
  const { data, width, height } = asImage(picture!);
  const file = join(folder, "scene.png");
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file);
  const args = ["--condition", "segmentation", "--image", file, "--out", out, "--weights", upernet];
  await detect(...args);
  const map = await sharp(out).raw().toBuffer();
  expect([...map]).toEqual([...labels!.data].flatMap((label) => ADE20K_PALETTE[label]!));
  await expect(detect(...args, "--resolution", "64")).rejects.toThrow(/has a resolution of its own/);
});

test("a pose of nobody is a black map with a warning, and an empty list of people", {
  timeout: 300_000,
}, async () => {
  const { out: text } = await detect(
    ...["--condition", "pose", "--image", photo, "--out", out, "--json", "--resolution", "picture"],
    ...["--weights", weights("body")],
  );
  const report = JSON.parse(text);
  expect(readPoseJson(report.pose)).toEqual({ width: 64, height: 64, people: [] });
  expect(report.warnings).toEqual([expect.stringMatching(/nothing is drawn/)]);
  expect((await sharp(out).raw().toBuffer()).every((value) => value === 0)).toBe(true);
});

test("a folder goes through one network; one that can't be opened is an error of the command", async () => {
  const dir = join(folder, "photos");
  mkdirSync(dir);
  for (const name of ["a.png", "b.png"]) copyFileSync(photo, join(dir, name));
  writeFileSync(join(dir, "broken.jpg"), "not a picture");
  const args = ["--condition", "hed", "--dir", dir, "--out-dir", join(folder, "maps")];
  args.push("--resolution", "64", "--weights");
  await expect(detect(...args, weights("lineart"))).rejects.toThrow(/found the line art generator/);
  const { err } = await detect(...args, weights("hed"));
  expect(err).toMatch(/2 maps.*1 failed/);
  expect(err.match(/Engine:/g)).toHaveLength(1);

  const again = [...args, weights("hed"), "--resume"];
  expect((await detect(...again)).err).toMatch(/0 maps, 2 kept, 1 failed/);
  expect((await detect(...again, "--resolution", "128")).err).toMatch(/2 maps.*1 failed/);
  // Another file of the same size: one that says that it was saved at another time.
  const bytes = readFileSync(weights("hed"));
  bytes[bytes.lastIndexOf("PK\x01\x02", undefined, "latin1") + 12]! ^= 1;
  writeFileSync(join(folder, "other.pth"), bytes);
  expect((await detect(...args, join(folder, "other.pth"), "--resume")).err).toMatch(/2 maps.*1 failed/);
});
