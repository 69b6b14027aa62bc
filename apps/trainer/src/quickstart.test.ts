import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selectEngine } from "@controlnet-js/engine";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quickstart } from "./quickstart.js";
import type { ControlTrainConfig } from "./task-schemas.js";
import { captureStderr } from "./testing/capture-stderr.js";
import { writeTinyBase } from "./testing/tiny-base.js";
import { readTrainConfig } from "./train-config.js";
import { trainControl } from "./train-control.js";

const folder = mkdtempSync(join(tmpdir(), "quickstart-"));
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await selectEngine({ engine: "wasm" });
  await writeTinyBase(at("base"));
  mkdirSync(at("pictures"));
  for (let i = 0; i < 3; i++) {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, j) => (i + 1) * (j % 96) + (j >> 5));
    await sharp(data, { raw: { width: 32, height: 32, channels: 3 } }).toFile(at(`pictures/${i}.png`));
    writeFileSync(at(`pictures/${i}.txt`), i === 2 ? "red \u0001 ball" : "red ball");
  }
}, 120_000);
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

function config(steps = 1): ControlTrainConfig {
  const file = at("train.yaml");
  writeFileSync(file, "base: base\ndata: { kind: image-folder, dir: pictures }\ncondition: canny\n");
  return readTrainConfig(file, [
    ...[`output=${at("run")}`, `training={ steps: ${steps}, batchSize: 1 }`, "hintWidths=[4,4,4,4]"],
    ...["dataOptions={ width: 32, height: 32, heldOut: 1, workers: 0 }", "checkpoints.every=1"],
    "validation={ every: 1, samples: 1, images: 1, imagesEvery: 1, samplingSteps: 1 }",
  ]) as ControlTrainConfig;
}
const start = (out: string) => quickstart({ config: config(), out, engine: "wasm" });
const checkpoints = () => readdirSync(at("run/checkpoints")).sort();

test("quickstart overwrites its own runs, never another one's", { timeout: 240_000 }, async () => {
  const told = captureStderr();
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await start(at("out"));
  const first = readFileSync(at("out/report.txt"), "utf8");
  expect(existsSync(at("out/contact-sheet.png")) && existsSync(at("out/controlnet/config.json"))).toBe(true);
  await start(at("out"));
  expect(readFileSync(at("out/report.txt"), "utf8").split(" ")[1]).toBe(first.split(" ")[1]);
  expect(checkpoints()).toEqual(["step-00000001"]);
  expect(told()).not.toMatch(/warning/);

  mkdirSync(at("mine"));
  writeFileSync(at("mine/report.txt"), "mine");
  await expect(start(at("mine"))).rejects.toMatchObject({
    code: "state",
    message: expect.stringMatching(/mine holds report\.txt, which quickstart did not make.*--out FOLDER/),
  });
  expect(readFileSync(at("mine/report.txt"), "utf8")).toBe("mine");

  // Trained on by the user, the run is no longer quickstart's.
  const trained = await trainControl({ config: config(2), resume: true, engine: "wasm" });
  trained.dispose();
  await expect(start(at("out"))).rejects.toMatchObject({
    code: "state",
    message: expect.stringMatching(
      /run holds the checkpoints of a run, the newest of step 2.*--set output=FOLDER/,
    ),
  });
  expect(checkpoints()).toEqual(["step-00000001", "step-00000002"]);
});
