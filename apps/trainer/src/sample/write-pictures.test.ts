import { execFile } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { readPngText } from "@controlnet-js/preprocessors/node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parametersKeyword } from "./sample-parameters.js";
import { writePictures } from "./write-pictures.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pictures-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const image = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 };
const inside = (path: string) => JSON.parse(readPngText(readFileSync(path), parametersKeyword)!);

test("a picture overwrites none: it gets the next free number, and keeps its own inside", async () => {
  const first = await writePictures(folder, [image, image], { seed: 7, first: 0, prompt: "a" });
  const second = await writePictures(folder, [image], { seed: 7, first: 0, prompt: "b" });
  expect([...first, ...second]).toEqual([0, 1, 2].map((n) => at(`picture-7-${n}.png`)));
  expect(inside(first[0]!)).toMatchObject({ prompt: "a", index: 0 });
  expect(inside(second[0]!)).toMatchObject({ prompt: "b", index: 0 });
  expect(JSON.parse(readFileSync(at("picture-7-2.json"), "utf8"))).toEqual(inside(second[0]!));
});

test("a name counts as taken where only the JSON is there, a folder, or a link to nothing", async () => {
  writeFileSync(at("picture-7-0.json"), "mine");
  mkdirSync(at("picture-7-1.png"));
  symlinkSync("nowhere", at("picture-7-2.png"));
  symlinkSync("picture-7-0.json", at("picture-7-3.json"));
  const [file] = await writePictures(folder, [image], { seed: 7, first: 0 });
  expect(file).toBe(at("picture-7-4.png"));
  expect(readFileSync(at("picture-7-0.json"), "utf8")).toBe("mine");
  expect(readdirSync(folder)).toHaveLength(6);
});

test("where nothing can be written, it says so and leaves nothing", async () => {
  await expect(writePictures(at("missing"), [image], { seed: 7, first: 0 })).rejects.toMatchObject({
    code: "io",
    message: expect.stringMatching(/can't write .*missing\/picture-7-0\.png: ENOENT/),
  });
});

test.each(["", "link"])(
  "of processes that write the same numbers at once none loses a picture (without %j)",
  {
    timeout: 120_000,
  },
  async (without) => {
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
    const script = fileURLToPath(new URL("../testing/write-many-pictures.ts", import.meta.url));
    const argv = ["--conditions=@controlnet-js/source", "--import", tsx, script, folder, "25"];
    const levels = ["10", "20", "30"];
    await Promise.all(
      levels.map((level) => promisify(execFile)(process.execPath, [...argv, level, without])),
    );
    const names = readdirSync(folder);
    expect(names).toHaveLength(2 * 75);
    const pictures = names.filter((name) => name.endsWith(".png"));
    for (const level of levels)
      expect(pictures.filter((name) => inside(at(name)).level === level)).toHaveLength(25);
    for (const name of pictures)
      expect(JSON.parse(readFileSync(at(name.replace("png", "json")), "utf8"))).toEqual(inside(at(name)));
  },
);
