import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cannyCondition } from "@controlnet-js/preprocessors";
import { afterAll, expect, test } from "vitest";
import { openData } from "./open-data.js";
import { readTrainConfig } from "./train-config.js";

const folder = mkdtempSync(join(tmpdir(), "open-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a held-out picture that can't be read ends the run and says what it is for", async () => {
  for (let i = 0; i < 3; i++) {
    writeFileSync(join(folder, `${i}.png`), "no picture");
    writeFileSync(join(folder, `${i}.txt`), "red ball");
  }
  const file = join(folder, "train.yaml");
  writeFileSync(file, "data: { kind: image-folder, dir: . }\noutput: x\n");
  const config = readTrainConfig(file, ["dataOptions={ heldOut: 1, workers: 0, width: 32, height: 32 }"]);
  if (config.task !== "controlnet") throw new Error(config.task);
  const condition = cannyCondition as never;
  const data = await openData(
    config,
    { condition, source: condition, detects: true, marks: {} },
    () => undefined,
  );
  const error = {
    code: "format",
    message: expect.stringMatching(/\d\.png: unreadable.*held out for validation/),
  };
  await expect(data.heldOut.load(0)).rejects.toMatchObject(error);
  await expect(data.train.load(0)).rejects.toThrow(/unreadable image \([^;]*\)$/);
  await data.close();
});
