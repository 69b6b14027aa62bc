import {
  appendFileSync,
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
import { ControlNetError } from "@controlnet-js/core";
import { openImageFolder } from "@controlnet-js/data";
import { builtInConditions } from "@controlnet-js/preprocessors";
import sharp from "sharp";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { captureProgram } from "../testing/run-program.js";
import { captionFolder } from "./caption-folder.js";
import { openMetadata } from "./caption-store.js";

// A tiny network of tooling/reference/annotators/blip.py.
const weights = fileURLToPath(new URL("../../../../packages/annotators/fixtures/blip/old", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "caption-"));
let dir: string;
let made = 0;
const at = (name: string) => join(dir, name);

const writePicture = (file: string, red: number) =>
  sharp({
    create: { width: 40, height: 30, channels: 3, background: { r: red, g: 90, b: 255 - red } },
  }).toFile(file);

beforeEach(async () => {
  dir = join(temporary, `photos-${made++}`);
  mkdirSync(at("more"), { recursive: true });
  mkdirSync(at(".hidden"));
  await Promise.all(
    ["b.png", "a.webp", "more/c.jpg", ".hidden/d.png"].map((name, i) => writePicture(at(name), 80 * i)),
  );
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `controlnet caption`; what it wrote to both streams. */
const caption = (...args: string[]) =>
  captureProgram("caption", "--weights", weights, "--engine", "cpu", ...args);
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const folderOptions = {
  condition: builtInConditions.colour as never,
  size: 16,
  workers: 0,
};

test("a picture's caption is printed, alone or as JSON", async () => {
  const args = ["--image", at("b.png"), "--prefix", "a photography of", "--min-length", "9"];
  const { out } = await caption(...args);
  expect(out).toMatch(/^a photography of\S* \S.*\n$/);
  const json = await caption(...args, "--beams", "3", "--json");
  expect(lines(json.out)).toEqual([{ file: at("b.png"), text: expect.stringMatching(/^a photography of/) }]);
});

test("a folder's captions are what training reads; a run goes on where it was cut off", async () => {
  writeFileSync(at("broken.png"), "no picture");
  const first = await caption("--dir", dir, "--min-length", "6");
  expect(process.exitCode).toBe(1);
  expect(first.err).toMatch(/3 captions, 1 failed: .*metadata\.jsonl\n +can't read .*broken\.png/);
  const before = readFileSync(at("metadata.jsonl"), "utf8");
  expect(lines(before).map((line) => line.file_name)).toEqual(["a.webp", "b.png", "more/c.jpg"]);

  const data = await openImageFolder(dir, folderOptions);
  expect([data.size, (await data.load(2)).caption]).toEqual([3, lines(before)[2].text]);
  await data.close();

  await expect(caption("--dir", dir)).rejects.toThrow(/holds a caption of a\.webp \(3 in all\); --resume/);
  rmSync(at("broken.png"));
  await writePicture(at("z.png"), 200);
  appendFileSync(at("metadata.jsonl"), '{"file_name":"z.png","te');
  const second = await caption("--dir", dir, "--min-length", "6", "--resume", "--json");
  expect(second.err).toMatch(/1 caption, 3 kept/);
  expect(lines(second.out)).toMatchObject([{ file: at("z.png") }]);
  const after = readFileSync(at("metadata.jsonl"), "utf8");
  expect(after).toBe(`${before}${JSON.stringify({ file_name: "z.png", text: lines(second.out)[0].text })}\n`);
});

test("a whole last line without its end stays; any other wrong line is named", async () => {
  writeFileSync(at("metadata.jsonl"), '{"file_name": "./b.png", "text": "mine"}');
  const { err } = await caption("--dir", dir, "--min-length", "6", "--resume");
  expect(err).toMatch(/2 captions, 1 kept/);
  expect(lines(readFileSync(at("metadata.jsonl"), "utf8"))[0]).toEqual({
    file_name: "./b.png",
    text: "mine",
  });
  writeFileSync(at("metadata.jsonl"), '{"file_name": "b.png"}\n{"image": 3}\n');
  await expect(caption("--dir", dir, "--resume")).rejects.toThrow(/metadata\.jsonl:2: .*"file_name"/);
});

test("--text-files writes beside each picture, never two into one file", async () => {
  await writePicture(at("b.jpg"), 10);
  const { err } = await caption("--dir", dir, "--text-files", "--min-length", "6");
  expect(err).toMatch(/3 captions, 1 failed/);
  expect(err).toMatch(/b\.png: b\.txt is the caption of b\.jpg; rename one/);
  expect(existsSync(at("metadata.jsonl"))).toBe(false);
  rmSync(at("b.png"));
  const data = await openImageFolder(dir, folderOptions);
  expect((await data.load(2)).caption).toBe(readFileSync(at("more/c.txt"), "utf8").trim());
  await data.close();
  expect((await caption("--dir", dir, "--text-files", "--resume")).err).toMatch(/0 captions, 3 kept/);
});

test("flags that don't go together are refused", async () => {
  await expect(caption()).rejects.toThrow(/give one of --image FILE and --dir FOLDER/);
  await expect(caption("--image", at("b.png"), "--resume")).rejects.toThrow(/belong to --dir/);
  await expect(caption("--dir", at("nowhere"))).rejects.toMatchObject({ code: "io" });
});

test("a picture without words is listed; what is no fault of a picture ends the run", async () => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const store = await openMetadata(dir);
  const request = { dir, store, resume: false };
  const said = [" ", "a red field\n", "a blue field"];
  const summary = await captionFolder({ ...request, caption: async () => said.shift()! });
  expect(summary).toEqual({
    done: 2,
    kept: 0,
    failed: [{ file: at("a.webp"), error: `${at("a.webp")}: the caption is empty` }],
  });
  expect(lines(readFileSync(at("metadata.jsonl"), "utf8"))[0]).toEqual({
    file_name: "b.png",
    text: "a red field",
  });
  const full = new ControlNetError("io", "can't write: no space left");
  const unwritable = { ...store, has: () => false, write: () => Promise.reject(full) };
  await expect(
    captionFolder({ ...request, store: unwritable, caption: async () => "words" }),
  ).rejects.toThrow(/no space left/);
});
