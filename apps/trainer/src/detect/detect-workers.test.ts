import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { namedByUser } from "../conditions/condition-name.js";
import type { DetectOutcome } from "./detect-picture.js";
import { runDetectJobs } from "./detect-workers.js";

const folder = mkdtempSync(join(tmpdir(), "detect-workers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Kills its process on the picture of width 7; any other picture is its own map.
const condition = namedByUser(join(folder, "deadly.mjs"));
const source = `
  export const deadly = {
    name: "deadly", description: "", channels: 3, range: [0, 1], polarity: "none", channelOrder: "none",
    resize: "area", blankIsError: false,
    options: { shape: {}, safeParse: (data) => ({ success: true, data }) },
    metadata: () => ({ condition: "deadly", channels: 3, range: [0, 1], options: {} }),
    async detect(image) {
      console.log("printed by a condition");
      if (image.width === 7) process.kill(process.pid, "SIGKILL");
      return image;
    },
    async examine(image) {
      const canRelease = "transfer" in ArrayBuffer.prototype;
      return { map: await this.detect(image), findings: { canRelease }, warnings: [] };
    },
  };`;

test("worker processes share the jobs; one that dies costs its picture and no other", {
  timeout: 300_000,
}, async () => {
  writeFileSync(condition, source);
  const jobs = [];
  for (const [i, width] of [4, 7, 5].entries()) {
    const file = join(folder, `${i}.png`);
    await sharp({ create: { width, height: 4, channels: 3, background: "#123456" } })
      .png()
      .toFile(file);
    const out = join(folder, "maps", `${i}.png`);
    jobs.push({ file, out, detector: { condition, options: {} }, resume: false });
  }
  const outcomes = new Map<string, DetectOutcome>();
  await runDetectJobs(jobs, 1, ({ file }, outcome) => outcomes.set(file, outcome));
  const [first, second, third] = jobs.map(({ file }) => outcomes.get(file));
  expect(first).toMatchObject({
    kind: "done",
    report: { width: 4, condition: "deadly", canRelease: true },
  });
  expect(second).toMatchObject({
    kind: "failed",
    message: expect.stringMatching(/1\.png: .*SIGKILL, twice/),
  });
  expect(third).toMatchObject({ kind: "done", report: { width: 5 } });
  expect((await sharp(join(folder, "maps/2.png")).metadata()).width).toBe(5);
});
