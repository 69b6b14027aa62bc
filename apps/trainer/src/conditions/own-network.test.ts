import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { float32Tensor } from "@controlnet-js/checkpoints";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { readImage, writeImage } from "@controlnet-js/preprocessors/node";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { captureStderr } from "../testing/capture-stderr.js";
import { captureProgram, runProgram } from "../testing/run-program.js";
import { writeTinyBase } from "../testing/tiny-base.js";
import { train } from "../train.js";
import { readTrainConfig } from "../train-config.js";

const folder = mkdtempSync(join(tmpdir(), "own-network-"));
const at = (name: string) => join(folder, name);
const condition = fileURLToPath(new URL("../testing/dark-edges.ts", import.meta.url));
const side = 16;

/** A kernel whose only weights lie in the middle: the red, green and blue of the same pixel. */
async function writeKernel(name: string, middle: readonly [number, number, number]): Promise<string> {
  const values = new Float32Array(27);
  values.set(middle, 12);
  await saveSafetensors(at(name), [float32Tensor("kernel", [3, 3, 3, 1], values)]);
  return at(name);
}

beforeAll(async () => {
  await useCpuBackend();
  await writeTinyBase(at("base"));
  await writeKernel("kernel.safetensors", [2, 0, -3]);
  mkdirSync(at("photos"));
  for (const name of ["a", "b", "c"]) {
    const phase = name.charCodeAt(0);
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * phase * 7) % 251);
    await writeImage(at(`photos/${name}.png`), { data, width: side, height: side, channels: 3 });
    writeFileSync(at(`photos/${name}.txt`), "red ball");
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const own = ["--condition", condition, "--engine", "cpu"];
const detect = (...args: string[]) => captureProgram("detect", ...own, ...args);

/** What the network makes of a photo, by hand. */
async function expectedMap(photo: string): Promise<number[]> {
  const { data } = await readImage(photo);
  return Array.from({ length: side * side }, (_, i) => {
    const sum = (2 * data[i * 3]! - 3 * data[i * 3 + 2]!) / 255;
    return Math.trunc(255 / (1 + Math.exp(-sum)));
  });
}
async function expectFound(map: string, photo: string): Promise<void> {
  const [found, wanted] = [await readImage(map), await expectedMap(photo)];
  const apart = wanted.map((value, i) => Math.abs(found.data[i * 3]! - value));
  // A float on the border of two levels may fall to either side.
  expect(Math.max(...apart)).toBeLessThanOrEqual(1);
  expect(apart.filter((difference) => difference > 0).length).toBeLessThanOrEqual(2);
}

test("detect opens the network of a condition of one's own, and says which files it takes", async () => {
  const one = ["--image", at("photos/a.png"), "--out", at("map.png")];
  await detect(...one, "--weights", at("kernel.safetensors"));
  await expectFound(at("map.png"), at("photos/a.png"));
  const { out } = await detect("--list");
  expect(out).toMatch(/^dark-edges\n {2}method=grey +grey \| network\n {2}safe=false/);
  expect(out).toMatch(
    /^ {2}--weights PATH +one convolution, kernel\.safetensors; bias2=its bias, not used$/m,
  );
  expect(JSON.parse((await detect("--list", "--json")).out)).toMatchObject([
    { name: "dark-edges", description: "", weights: { kernel: "one convolution, kernel.safetensors" } },
  ]);

  await expect(detect(...one, "--option", "method=network")).rejects.toMatchObject({
    code: "missing",
    message:
      'controlnet detect: condition "dark-edges" needs a network: give --weights PATH of one convolution, ' +
      "kernel.safetensors; --weights bias2=PATH adds its bias, not used",
  });
  await expect(detect(...one, "--weights", "kenrel=x")).rejects.toThrow(
    /no part "kenrel", did you mean "kernel"/,
  );
  await expect(detect(...one, "--weights", "bias2=x")).rejects.toMatchObject({ code: "missing" });
  await expect(detect(...one, "--weights", at("none.safetensors"))).rejects.toThrow(/none\.safetensors/);
  // By its other method, without one.
  await detect(...one);
  expect((await readImage(at("map.png"))).data.every((value) => value === 7)).toBe(true);
});

test("a folder's maps are kept while condition and weights stay the same", async () => {
  const all = ["--dir", at("photos"), "--out-dir", at("maps"), "--resume", "--weights"];
  expect((await detect(...all, at("kernel.safetensors"))).err).toMatch(/3 maps/);
  await expectFound(at("maps/b.png"), at("photos/b.png"));
  expect((await detect(...all, at("kernel.safetensors"))).err).toMatch(/0 maps, 3 kept/);
  expect((await detect(...all, await writeKernel("other.safetensors", [0, 1, 1]))).err).toMatch(/3 maps/);
});

test("train, sample and evaluate find its maps with the same files", { timeout: 240_000 }, async () => {
  const config = `
base: base
condition: ${condition}
weights: kernel.safetensors
data: { kind: image-folder, dir: photos }
dataOptions: { width: ${side}, height: ${side}, heldOut: 1, workers: 1 }
hintWidths: [4, 4, 4, 4]
training: { steps: 1, batchSize: 1 }
validation: { every: 1, samples: 1, images: 0 }
output: ${at("run")}`;
  writeFileSync(at("train.yaml"), config);
  const run = (file: string) => train({ config: readTrainConfig(at(file)), resume: false, engine: "cpu" });
  const printed = captureStderr();
  (await run("train.yaml")).dispose();
  expect(printed()).toMatch(/dark-edges maps computed \(\{"method":"network","safe":false\}\)/);
  const control = at("run/controlnet");
  writeFileSync(at("none.yaml"), config.replace(/weights: .*/, "conditionOptions: { method: network }"));
  await expect(run("none.yaml")).rejects.toThrow(
    /train: condition "dark-edges" needs a network: give weights: PATH of one convolution/,
  );

  const painting = ["--model", at("base"), "--control", control];
  const weights = ["--weights", at("kernel.safetensors")];
  const from = ["--prompt", "red ball", "--image", at("photos/c.png"), "--condition", condition];
  const asked = ["--steps", "1", "--engine", "cpu", "--size", `${side}x${side}`, "--out", at("painted")];
  const sampled = ["sample", ...painting, ...from];
  await runProgram(...sampled, ...weights, ...asked, "--save-maps", at("painted"));
  await expectFound(at("painted/map-0.png"), at("photos/c.png"));
  // It was trained by the network, and so is sampled.
  await expect(runProgram(...sampled, ...asked)).rejects.toThrow(
    /sample: condition "dark-edges" needs a network: give --weights PATH of one convolution/,
  );

  const evaluated = ["--data", at("photos"), "--count", "1", "--steps", "1", "--out", at("evaluated")];
  await runProgram("evaluate", ...painting, ...own, ...weights, ...evaluated);
  expect(existsSync(at("evaluated/contact-sheet.png"))).toBe(true);
  expect(JSON.parse(readFileSync(at("evaluated/evaluation.json"), "utf8"))).toEqual({});
});
