import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { openCheckpoint } from "@controlnet-js/checkpoints/node";
import { controlNetConfig, createControlNetFrom } from "@controlnet-js/controlnet";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { openPipeline, saveControlNet } from "@controlnet-js/models/node";
import { pngWithText } from "@controlnet-js/preprocessors/node";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { pickle } from "../../../../packages/checkpoints/src/testing/pickle-writer.js";
import { writeZip } from "../../../../packages/checkpoints/src/testing/zip-writer.js";
import type { ControlTrainConfig } from "../task-schemas.js";
import { runProgram } from "../testing/run-program.js";
import { writeTinyBase } from "../testing/tiny-base.js";
import { readTrainConfig } from "../train-config.js";
import { openTrainingCondition } from "./training-condition.js";

let folder: string;
const at = (name: string) => join(folder, name);

/** A module that is a sound condition, and leaves a file when it is run. */
const source = () => `
  import { writeFileSync } from "node:fs";
  writeFileSync(${JSON.stringify(at("ran"))}, "");
  export const mine = {
    name: "mine", description: "", channels: 3, range: [0, 1], polarity: "none", channelOrder: "none",
    resize: "area", blankIsError: false,
    options: { shape: { level: {} }, safeParse: (data) => ({ success: true, data }) },
    metadata: (options = {}) => ({ condition: "mine", channels: 3, range: [0, 1], options }),
    async detect({ data, width, height }, { level = 0 } = {}) {
      writeFileSync(${JSON.stringify(at("level"))}, String(level));
      return { data: data.slice(), width, height, channels: 3 };
    },
  };
`;

const dataUrl = () =>
  `data:text/javascript,import("node:fs").then(fs=>fs.writeFileSync(${JSON.stringify(at("ran"))},""))`;

/** What a stranger's file may say, each a way to code if it were believed. */
const names: readonly (readonly [what: string, name: () => string])[] = [
  ["a data: URL", () => dataUrl()],
  ["a data: URL behind a space", () => ` ${dataUrl()}`],
  ["a file: URL", () => `file://${at("mine.mjs")}`],
  ["a path from here", () => `./${relative(process.cwd(), at("mine.mjs"))}`],
  ["an absolute path", () => at("mine.mjs")],
  ["a module of Node", () => "node:fs"],
  ["a module of Node by its bare name", () => "child_process"],
  ["a package", () => "evil-package"],
  ["a package of a scope", () => "@evil/package"],
  ["a name of every object", () => "constructor"],
  ["the prototype", () => "__proto__"],
];

beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "condition-name-"));
  await writeTinyBase(at("base"));
  await sharp({ create: { width: 16, height: 16, channels: 3, background: "#468" } }).toFile(at("photo.png"));
  writeFileSync(at("mine.mjs"), source());
  for (const name of ["evil-package", "@evil/package"]) {
    mkdirSync(at(`node_modules/${name}`), { recursive: true });
    writeFileSync(at(`node_modules/${name}/package.json`), JSON.stringify({ name, main: "index.mjs" }));
    writeFileSync(at(`node_modules/${name}/index.mjs`), source());
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => rmSync(at("ran"), { force: true }));

/** A ControlNet for the tiny base whose header holds this. */
async function saveNet(name: string, metadata: Record<string, unknown>): Promise<string> {
  const base = await openPipeline(at("base"));
  const config = controlNetConfig(base.unet.config, { hintWidths: [4, 4, 4, 4] });
  const net = createControlNetFrom(config, randomInitializer(5));
  await saveControlNet(at(name), net, { metadata });
  disposeTree(net);
  disposePipeline(base);
  return at(name);
}

/** The same as a file of torch.save whose top level holds a string called "controlnet-js". */
async function savePth(name: string, metadata: Record<string, unknown>): Promise<string> {
  const saved = openCheckpoint(await saveNet(`${name}-source`, metadata));
  const tensors = saved.names().map((key) => saved.get(key));
  const dict = tensors.flatMap(({ name: key, shape }, i) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const count = shape.reduce((a, b) => a * b, 1);
    return [pickle.text(key), pickle.tensor({ key: String(i), count, shape: [...shape], strides })];
  });
  const entry = [pickle.text("controlnet-js"), pickle.text(JSON.stringify(metadata))];
  const parts = [
    { name: "archive/data.pkl", data: pickle.file(pickle.dict(...entry, ...dict)) },
    ...tensors.map((tensor, i) => ({ name: `archive/data/${i}`, data: tensor.bytes() })),
    { name: "archive/version", data: new TextEncoder().encode("3\n") },
  ];
  mkdirSync(at(name), { recursive: true });
  const path = join(at(name), "net.pth");
  writeFileSync(path, writeZip(parts));
  saved.close();
  return path;
}

const painting = () => ["--model", at("base"), "--prompt", "red ball", "--steps", "1", "--engine", "cpu"];
const sampled = (...args: string[]) => runProgram("sample", ...args, "--out", at("out"));

const refused = (remedy: string) => ({
  code: "missing",
  message: expect.stringMatching(new RegExp(`which is not built in; .*${remedy}`)),
});

test.each(names)("metadata: sample runs nothing that a safetensors header names: %s", async (_, name) => {
  const net = await saveNet("net", { condition: name() });
  const made = sampled(...painting(), "--control", net, "--image", at("photo.png"));
  await expect(made).rejects.toMatchObject(refused("--condition FILE"));
  expect(existsSync(at("ran"))).toBe(false);
});

test.each(names)("metadata: sample runs nothing that a .pth names: %s", async (_, name) => {
  const net = await savePth("pth", { condition: name() });
  const made = sampled(...painting(), "--control", net, "--image", at("photo.png"));
  await expect(made).rejects.toMatchObject(refused("--condition FILE"));
  expect(existsSync(at("ran"))).toBe(false);
});

test.each(names)("metadata: evaluate runs nothing that a header names: %s", async (_, name) => {
  const net = await saveNet("net", { condition: name() });
  const made = runProgram(
    ...["evaluate", "--control", net, "--model", at("base"), "--engine", "cpu", "--out", at("evaluated")],
  );
  await expect(made).rejects.toMatchObject(refused("--condition FILE"));
  expect(existsSync(at("ran"))).toBe(false);
});

test.each(names)("--from runs nothing that a picture or its JSON names: %s", async (_, name) => {
  const net = await saveNet("net", { condition: "canny" });
  const parameters = {
    ...{ model: at("base"), prompt: "red ball", steps: 1, engine: "cpu" },
    controls: [{ path: net, image: at("photo.png"), condition: name() }],
  };
  const plain = await sharp(at("photo.png")).png().toBuffer();
  writeFileSync(at("from.png"), pngWithText(plain, "parameters", JSON.stringify(parameters)));
  writeFileSync(at("from.json"), JSON.stringify(parameters));
  for (const file of ["from.png", "from.json"]) {
    await expect(sampled("--from", at(file))).rejects.toMatchObject(
      refused(`--control .*net --image .*photo\\.png --condition FILE`),
    );
    // What the user names takes the picture's place.
    await sampled("--from", at(file), "--control", net, "--image", at("photo.png"));
  }
  expect(existsSync(at("ran"))).toBe(false);
});

test("a ControlNet of a condition of one's own is painted with where the user names its module", async () => {
  const net = await saveNet("own", { condition: "mine", options: { level: 7 } });
  const args = [...painting(), "--control", net, "--image", at("photo.png"), "--condition", at("mine.mjs")];
  const { files } = JSON.parse(await sampled(...args, "--json")) as { files: string[] };
  expect(existsSync(files[0]!)).toBe(true);
  expect(existsSync(at("ran"))).toBe(true);
  // The options that it was trained with count for it.
  expect(readFileSync(at("level"), "utf8")).toBe("7");
  await expect(sampled("--from", files[0]!)).rejects.toMatchObject(refused("--condition FILE"));
  await sampled("--from", files[0]!, ...args.slice(args.indexOf("--control")));
});

test("a picture made with a ready map is made again, whatever it says of the condition", async () => {
  const net = await saveNet("own", { condition: "mine" });
  const control = { path: net, map: at("photo.png"), condition: at("mine.mjs") };
  const parameters = { model: at("base"), prompt: "", steps: 1, engine: "cpu", controls: [control] };
  writeFileSync(at("ready.json"), JSON.stringify(parameters));
  await sampled("--from", at("ready.json"));
  expect(existsSync(at("ran"))).toBe(false);
});

const urls = [
  "data:text/javascript,export const a = 1",
  "http://127.0.0.1/x.mjs",
  "https://127.0.0.1/x.mjs",
  "file:///tmp/x.mjs",
  "node:fs",
  "blob:nodedata:1",
  "FILE:///tmp/x.mjs",
  "\tdata:text/javascript,1",
  "da\nta:text/javascript,1",
];

test.each(urls)("a URL is no condition, whoever names it: %s", async (url) => {
  const net = await saveNet("net", { condition: "canny" });
  const config = { code: "config", message: expect.stringMatching(/module's file, such as/) };
  const photo = at("photo.png");
  const made = sampled(...painting(), "--control", net, "--image", photo, "--condition", url);
  await expect(made).rejects.toMatchObject(config);
  const detected = runProgram("detect", "--condition", url, "--image", photo, "--out", at("map.png"));
  await expect(detected).rejects.toMatchObject(config);
  const written = runProgram("dataset", "tinyworld", "--out", at("set"), "--count", "1", "--condition", url);
  await expect(written).rejects.toMatchObject(config);
  const yaml = { base: at("base"), condition: url, output: at("run") };
  const data = { kind: "image-folder", dir: folder };
  writeFileSync(at("train.yaml"), JSON.stringify({ ...yaml, data }));
  const read = readTrainConfig(at("train.yaml")) as ControlTrainConfig;
  await expect(openTrainingCondition(read)).rejects.toMatchObject(config);
});
