/**
 * How fast `controlnet detect` works through a folder, beside only decoding it on all cores, and beside native OpenCV doing
 * the same with a process a core. Build the command first:
 * `npx --yes pnpm@12.21.0 exec turbo run build --filter @controlnet-js/trainer...`, then
 * `npx tsx bench/detect-folder.ts [--count 1000] [--megapixels 12] [--size 512] [--condition canny] [--json]`
 */
import { execFileSync, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { largePhotographs, writeSmallPhotographs } from "./photographs.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    // 0 for photographs of 640 x 480 to 1024 x 768.
    megapixels: { type: "string", default: "0" },
    size: { type: "string" },
    condition: { type: "string", default: "canny" },
    // Each side is measured this often, in turns, and the best time counts.
    rounds: { type: "string", default: "1" },
    cli: { type: "string", default: here("../../../apps/trainer/dist/cli.js") },
    // Python with OpenCV; empty for none.
    python: { type: "string", default: here("../../../tooling/reference/.venv/bin/python") },
    json: { type: "boolean", default: false },
  },
});
const count = Number(flags.count);
const cores = availableParallelism();

async function writePhotographs(folder: string): Promise<void> {
  if (flags.megapixels === "0") return writeSmallPhotographs(folder, count);
  const photographs = await largePhotographs(Number(flags.megapixels), count);
  for (let i = 0; i < count; i++)
    writeFileSync(join(folder, `${String(i).padStart(4, "0")}.jpg`), photographs[i % photographs.length]!);
}

/** What the command sets for its workers, so that memory of one picture is used for the next. */
const keptMemory = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
};

/** Seconds that one decoding process a core takes for all files, its start not counted. */
async function decodeSeconds(folder: string, env: Record<string, string> = {}): Promise<number> {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const workers = await Promise.all(
    Array.from({ length: cores }, async () => {
      const child = fork(here("decode-worker.mjs"), { env: { ...process.env, ...env } });
      await new Promise((resolve) => child.once("message", resolve));
      return child;
    }),
  );
  const start = performance.now();
  await Promise.all(
    workers.map((child, i) => {
      child.send(files.filter((_, file) => file % cores === i));
      return new Promise((resolve) => child.once("exit", resolve));
    }),
  );
  return (performance.now() - start) / 1e3;
}

/** Seconds of the whole command, from its start to its end. */
function detectSeconds(folder: string, out: string): number {
  rmSync(out, { recursive: true, force: true });
  const start = performance.now();
  const fromSource = flags.cli.endsWith(".ts")
    ? ["--conditions=@controlnet-js/source", "--import", "tsx"]
    : [];
  const args = ["detect", "--condition", flags.condition, "--dir", folder, "--out-dir", out];
  if (flags.size !== undefined) args.push("--size", flags.size);
  execFileSync(process.execPath, [...fromSource, flags.cli, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const seconds = (performance.now() - start) / 1e3;
  const maps = readdirSync(out).length;
  if (maps !== count) throw new Error(`${maps} maps of ${count} photographs`);
  return seconds;
}

/** Seconds of OpenCV: decoding alone, and Canny's maps. */
function nativeSeconds(folder: string, out: string): [decode: number, detect: number] | undefined {
  if (flags.python === "" || flags.condition !== "canny") return undefined;
  mkdirSync(out, { recursive: true });
  const args = [here("detect-folder.py"), folder, out, flags.size ?? "0", String(cores)];
  const printed = execFileSync(flags.python, args, { encoding: "utf8" });
  const [decode, detect] = printed.trim().split("\n").map(Number);
  return [decode!, detect!];
}

const folder = mkdtempSync(join(tmpdir(), "detect-folder-"));
const best = { decode: 0, decodeKept: 0, detect: 0, nativeDecode: 0, nativeDetect: 0 };
const keep = (name: keyof typeof best, seconds: number) => {
  best[name] = Math.max(best[name], count / seconds);
};
try {
  const photographs = join(folder, "photographs");
  mkdirSync(photographs);
  await writePhotographs(photographs);
  const bytes = readdirSync(photographs).map((name) => statSync(join(photographs, name)).size);
  for (let round = 0; round < Number(flags.rounds); round++) {
    keep("decode", await decodeSeconds(photographs));
    keep("decodeKept", await decodeSeconds(photographs, keptMemory));
    keep("detect", detectSeconds(photographs, join(folder, "maps")));
    const native = nativeSeconds(photographs, join(folder, "native"));
    if (!native) continue;
    keep("nativeDecode", native[0]);
    keep("nativeDetect", native[1]);
  }
  const result = {
    count,
    cores,
    condition: flags.condition,
    size: flags.size ?? "full",
    megabytesEach: bytes.reduce((a, b) => a + b, 0) / count / 1e6,
    unit: "pictures/s",
    ...best,
    ratio: best.detect / best.decode,
    ratioToKept: best.detect / best.decodeKept,
    nativeRatio: best.nativeDetect / best.nativeDecode,
  };
  const rate = (value: number) => `${value.toFixed(1)}/s`;
  const told = [
    `${count} photographs of ${result.megabytesEach.toFixed(2)} MB, ${cores} cores, size ${result.size}`,
    `decoding alone ${rate(best.decode)}, ${flags.condition} ${rate(best.detect)}, ratio ${result.ratio.toFixed(3)}`,
    `decoding alone in memory that is kept ${rate(best.decodeKept)}, ratio ${result.ratioToKept.toFixed(3)}`,
    `OpenCV: decoding ${rate(best.nativeDecode)}, Canny ${rate(best.nativeDetect)}, ratio ${result.nativeRatio.toFixed(3)}`,
  ];
  console.log(flags.json ? JSON.stringify(result) : told.join("\n"));
} finally {
  rmSync(folder, { recursive: true });
}
