/**
 * Canny, resizing, Hough and pose drawing beside native OpenCV, one thread each:
 * npx tsup && npx tsx bench/compare.ts [path of a Python with OpenCV]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { canny, drawPoses, houghLines, houghSegments, resize, toGrey } from "../dist/index.js";
import { readImages } from "../src/testing/read-fixture.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const python = process.argv[2] ?? here("../../../tooling/reference/.venv-opencv4/bin/python");
const picture = readImages("pictures.bin.gz").astronaut!;
const raw = join(mkdtempSync(join(tmpdir(), "bench-")), "picture.raw");
writeFileSync(raw, picture.data);

/** Milliseconds of processor time, all threads of the process, so that a busy machine does not count. */
function best(action: () => unknown, seconds = 0.6): number {
  let least = Number.POSITIVE_INFINITY;
  for (let runs = 0, spent = 0; runs < 5 || spent < seconds * 1e3; runs++) {
    const start = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1e3);
    spent += (user + system) / 1e3;
  }
  return least;
}

const tiled = (size: number) => {
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x += 128)
      data.set(picture.data.subarray((y % 128) * 384, (y % 128) * 384 + 384), (y * size + x) * 3);
  return { data, width: size, height: size, channels: 3 };
};

const times: Record<string, number> = {};
for (const size of [512, 2048]) {
  const rgb = tiled(size);
  const grey = toGrey(rgb);
  const edges = canny(grey, { low: 200, high: 400 });
  times[`canny rgb ${size}`] = best(() => canny(rgb));
  times[`canny grey ${size}`] = best(() => canny(grey));
  for (const method of ["area", "bilinear", "cubic", "lanczos4"] as const) {
    const down = (size * 5) / 8;
    times[`resize ${method} down ${size}`] = best(() => resize(rgb, down, down, method));
    if (size === 512) times[`resize ${method} up ${size}`] = best(() => resize(rgb, 768, 768, method));
  }
  times[`hough segments ${size}`] = best(() =>
    houghSegments(edges, { threshold: 80, minLength: 30, maxGap: 5 }),
  );
  times[`hough lines ${size}`] = best(() => houghLines(edges, { threshold: 100 }));
  const people = Array.from({ length: 4 }, (_, person) => ({
    body: Array.from({ length: 18 }, (_, i) => ({
      x: (((i * 37 + person * 101) % 97) / 97) * size,
      y: (((i * 61 + person * 53) % 89) / 89) * size,
    })),
  }));
  times[`pose ${size}`] = best(() => drawPoses({ width: size, height: size, people }));
}

const { version, ...native } = JSON.parse(
  execFileSync(python, [here("native.py"), raw], { encoding: "utf8" }),
);
console.log(`ms of processor time, best of 0.6 s: ours, native, ratio; OpenCV ${version}`);
for (const [name, time] of Object.entries(times))
  console.log(
    `${name.padEnd(26)} ${time.toFixed(2).padStart(9)} ${native[name].toFixed(2).padStart(9)} ${(time / native[name]).toFixed(2).padStart(6)}x`,
  );
