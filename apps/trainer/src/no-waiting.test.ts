import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readModelYaml } from "./models/read-model-yaml.js";
import { mapOrigin } from "./sample/read-map.js";
import { captureProgram } from "./testing/run-program.js";
import { readTrainConfig } from "./train-config.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "no-waiting-"));
  execFileSync("mkfifo", [at("pipe")]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a pipe that nobody writes to is refused at once, whatever it stands for", () => {
  for (const read of [readModelYaml, readTrainConfig])
    expect(() => read(at("pipe"))).toThrow(expect.objectContaining({ code: "io" }));
  expect(mapOrigin(at("pipe"))).toBeUndefined();
});

test.each([
  ["keypoints", ["detect", "--condition", "pose", "--from-keypoints", "PIPE", "--out", "map.png"]],
  ["a config", ["train", "--config", "PIPE"]],
  ["a model yaml", ["inspect", "PIPE"]],
  ["weights", ["sample", "--model", "PIPE", "--prompt", "x"]],
  ["a ControlNet", ["evaluate", "--control", "PIPE"]],
  ["an earlier picture", ["sample", "--from", "PIPE"]],
])("from the command line: %s", async (_, args) => {
  const given = args.map((word) => (word === "PIPE" ? at("pipe") : word === "map.png" ? at(word) : word));
  await expect(captureProgram(...given)).rejects.toThrow();
});

test("a folder of photographs with a pipe, a loop of links and a dangling link: pictures are made, the rest is named", async () => {
  mkdirSync(at("photos"));
  await sharp({ create: { width: 16, height: 16, channels: 3, background: "#a04080" } })
    .png()
    .toFile(at("photos/a.png"));
  execFileSync("mkfifo", [at("photos/pipe.png")]);
  symlinkSync(at("photos"), at("photos/loop"));
  symlinkSync("/nowhere/at/all.png", at("photos/lost.png"));
  const { err } = await captureProgram(
    ...["detect", "--condition", "canny", "--dir", at("photos"), "--out-dir", at("maps"), "--workers", "0"],
  );
  process.exitCode = undefined;
  expect(err).toMatch(/1 map, .*2 failed/);
  expect(err).toMatch(/pipe\.png/);
  expect(err).toMatch(/lost\.png/);
  expect(existsSync(at("maps/a.png"))).toBe(true);
});
