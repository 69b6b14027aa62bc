import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pngWithText } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mergeParameters, readParameters } from "./sample-parameters.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parameters-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what is given goes before what a picture was made with, and that before the defaults", () => {
  const before = mergeParameters({ prompt: "a fox", steps: 7, width: 64, height: 32 });
  expect(mergeParameters({ steps: 9, seed: undefined }, before)).toEqual({ ...before, steps: 9 });
  expect(before).toMatchObject({ guidance: 9, sampler: "ddim", guessMode: "off", controls: [] });
});

test("what contradicts what is given goes", () => {
  const ready = mergeParameters({ promptEmbeds: "e", latents: "l", batch: 2, width: 64, height: 64 });
  expect(mergeParameters({ prompt: "a fox" }, ready)).toMatchObject({
    prompt: "a fox",
    latents: "l",
    batch: 2,
  });
  expect(mergeParameters({ prompt: "a fox" }, ready)).not.toHaveProperty("promptEmbeds");
  expect(mergeParameters({ width: 32, height: 32 }, ready)).not.toHaveProperty("latents");
  const other = mergeParameters({ latents: "m" }, ready);
  expect(other).toMatchObject({ latents: "m", promptEmbeds: "e" });
  for (const key of ["width", "height", "batch"]) expect(other).not.toHaveProperty(key);
});

test("what contradicts a picture to begin with, a prompt setting or a sampler goes", () => {
  const begun = mergeParameters({
    promptSetting: "automatic",
    captioner: "c",
    initImage: "i",
    sampler: "tcd",
    eta: 1,
  });
  const ready = mergeParameters({ initLatents: "l", prompt: "a fox", sampler: "ddim" }, begun);
  expect(ready).toMatchObject({ initLatents: "l", prompt: "a fox", sampler: "ddim" });
  for (const key of ["initImage", "promptSetting", "captioner", "eta"]) expect(ready).not.toHaveProperty(key);
  expect(mergeParameters({ initImage: "j" }, ready)).not.toHaveProperty("initLatents");
  expect(mergeParameters({ denoise: 0.5 }, begun)).toMatchObject({ initImage: "i", denoise: 0.5 });
});

test("a picture of an older version is read: what it does not know of has its default", () => {
  const path = join(folder, "older.json");
  const control = { path: "net", map: "m.png", strength: 0.5, start: 0, end: 1 };
  const older = {
    model: "tinyworld",
    prompt: "a fox",
    controls: [control],
    sampler: "ddim",
    steps: 20,
    seed: 3,
  };
  writeFileSync(path, JSON.stringify({ ...older, index: 0, ranOn: "an engine", applied: { width: 64 } }));
  const { parameters, files } = readParameters(path);
  expect(files).toEqual({});
  expect(mergeParameters({}, parameters)).toMatchObject({
    ...older,
    clipSkip: 0,
    longPrompts: false,
    first: 0,
    samplerOptions: {},
    tiles: false,
  });
});

test("a picture and the JSON beside it tell the same; other files are refused by name", async () => {
  const parameters = mergeParameters({ prompt: "größer \u{1f98a}", seed: 3 });
  const text = JSON.stringify({ ...parameters, index: 0, ranOn: "an engine" });
  const plain = await sharp({ create: { width: 2, height: 2, channels: 3, background: "#000" } })
    .png()
    .toBuffer();
  const at = (name: string, data: string | Uint8Array) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  const expected = { parameters, ranOn: "an engine", files: {} };
  expect(readParameters(at("a.png", pngWithText(plain, "parameters", text)))).toEqual(expected);
  expect(readParameters(at("a.json", text))).toEqual(expected);
  for (const path of [at("b.png", plain), at("b.json", "[1]"), at("c.json", '{"steps": "many"}')])
    expect(() => readParameters(path)).toThrow(`${path} holds no parameters of controlnet sample`);
  expect(() => readParameters(join(folder, "none.png"))).toThrow(/can't read .*none\.png/);
});
