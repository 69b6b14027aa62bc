import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pngWithText } from "@controlnet-js/pipeline/node";
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
