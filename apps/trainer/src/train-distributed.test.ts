// `controlnet train` in real processes, as the launcher starts them: what they train is what one process trains.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { openControlNet } from "@controlnet-js/models/node";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeTinyBase } from "./testing/tiny-base.js";

const folder = mkdtempSync(join(tmpdir(), "distributed-"));
const config = join(folder, "config.yaml");
const program = fileURLToPath(new URL("./cli.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

beforeAll(async () => {
  await useCpuBackend();
  await writeTinyBase(join(folder, "base"));
  const data = join(folder, "data");
  for (const part of ["source", "target"]) mkdirSync(join(data, part), { recursive: true });
  const lines: string[] = [];
  for (let i = 0; i < 8; i++) {
    const shape = { create: { width: 5 + 2 * i, height: 12, channels: 3, background: "#e0f020" } } as const;
    const whole = {
      create: { width: 32, height: 32, channels: 3, background: { r: 30 * i, g: 90, b: 20 } },
    } as const;
    const png = await sharp(whole)
      .composite([{ input: shape, left: 2 + i, top: 9 }])
      .png()
      .toBuffer();
    for (const part of ["source", "target"]) writeFileSync(join(data, `${part}/${i}.png`), png);
    const prompt = i % 2 === 0 ? "red ball" : "blue cube";
    lines.push(JSON.stringify({ source: `source/${i}.png`, target: `target/${i}.png`, prompt }));
  }
  writeFileSync(join(data, "prompt.json"), lines.join("\n"));
  writeFileSync(
    config,
    `base: ${join(folder, "base")}\ndata: { kind: json-lines, dir: ${data} }\noutput: x\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command line, and gives the values of the ControlNet that it leaves. */
async function trained(
  output: string,
  batchSize: number,
  steps: number,
  ...before: string[]
): Promise<number[]> {
  const settings = {
    hintWidths: "[4,4,4,4]",
    "dataOptions.width": 32,
    "dataOptions.height": 32,
    "dataOptions.heldOut": 2,
    "dataOptions.workers": 0,
    "training.steps": steps,
    "training.batchSize": batchSize,
    "training.learningRate": 0.001,
    "training.warmUpSteps": 0,
    "validation.every": 0,
    output: join(folder, output),
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const train = ["train", "--config", config, "--engine", "tensorflow-cpu", ...sets];
  const node = ["--conditions=@controlnet-js/source", "--import", tsx, program];
  const child = spawn(process.execPath, [...node, ...before, ...train], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, said).toBe(0);
  const net = await openControlNet(join(folder, output, "controlnet"));
  const values = leavesOf(net.params).flatMap(({ value }) => [...value.dataSync()]);
  disposeTree(net);
  return values;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

/** Loss and gradient norm of each step. */
const figures = (output: string): number[][] =>
  readFileSync(join(folder, output, "steps.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").slice(1, 3).map(Number));

test("two launched processes with batches of one train what one process trains with batches of two", {
  timeout: 240_000,
}, async () => {
  const together = await trained("together", 1, 4, "launch", "--processes", "2");
  const alone = await trained("alone", 2, 4);
  const halfAsMuch = await trained("half", 1, 4);
  expect(together).toHaveLength(alone.length);
  expect(distance(together, alone)).toBeLessThan(1e-6);
  // Other samples lead far from there.
  expect(distance(together, halfAsMuch)).toBeGreaterThan(1e-4);
  for (const [step, [loss, norm]] of figures("alone").entries()) {
    expect(figures("together")[step]![0]).toBeCloseTo(loss!, 5);
    expect(figures("together")[step]![1]).toBeCloseTo(norm!, 5);
  }
  expect(figures("together")).toHaveLength(4);
});
