/**
 * How fast `controlnet detect` works through a folder, beside only decoding it on all cores. Build the command first:
 * `pnpm turbo run build --filter @controlnet-js/trainer`, then
 * `pnpm tsx bench/detect-folder.ts [--count 1000] [--condition canny] [--json]`
 */
import { execFileSync, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    condition: { type: "string", default: "canny" },
    cli: { type: "string", default: here("../../../apps/trainer/dist/cli.js") },
    json: { type: "boolean", default: false },
  },
});
const count = Number(flags.count);
const cores = availableParallelism();

/** Writes JPEG photographs of 640 x 480 to 1024 x 768: turned, cropped and lightened parts of two. */
async function writePhotographs(folder: string): Promise<void> {
  const sources = ["astronaut", "coffee"].map((name) => here(`../../../docs/conditions/${name}.jpg`));
  for (let i = 0; i < count; i++) {
    const width = 640 + 128 * (i % 4);
    const left = (i * 37) % 96;
    const top = (i * 53) % 160;
    await sharp(sources[i % 2]!)
      .extract({ left, top, width: 416, height: 312 })
      .resize(width, (width * 3) / 4)
      .flop(i % 3 === 0)
      .modulate({ brightness: 0.8 + (i % 5) / 10 })
      .jpeg({ quality: 88 })
      .toFile(join(folder, `${String(i).padStart(4, "0")}.jpg`));
  }
}

/** Seconds that one decoding process a core takes for all files, its start not counted. */
async function decodeSeconds(folder: string): Promise<number> {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const workers = await Promise.all(
    Array.from({ length: cores }, async () => {
      const child = fork(here("decode-worker.mjs"));
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

function detectSeconds(folder: string, out: string): number {
  const start = performance.now();
  const fromSource = flags.cli.endsWith(".ts")
    ? ["--conditions=@controlnet-js/source", "--import", "tsx"]
    : [];
  const args = ["detect", "--condition", flags.condition, "--dir", folder, "--out-dir", out];
  execFileSync(process.execPath, [...fromSource, flags.cli, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const seconds = (performance.now() - start) / 1e3;
  const maps = readdirSync(out).length;
  if (maps !== count) throw new Error(`${maps} maps of ${count} photographs`);
  return seconds;
}

const folder = mkdtempSync(join(tmpdir(), "detect-folder-"));
try {
  const photographs = join(folder, "photographs");
  mkdirSync(photographs);
  await writePhotographs(photographs);
  const decode = count / (await decodeSeconds(photographs));
  const detect = count / detectSeconds(photographs, join(folder, "maps"));
  const result = {
    count,
    cores,
    condition: flags.condition,
    unit: "pictures/s",
    decode,
    detect,
    ratio: detect / decode,
  };
  console.log(
    flags.json
      ? JSON.stringify(result)
      : `${count} photographs, ${cores} cores: decoding alone ${decode.toFixed(1)}/s, ${flags.condition} ${detect.toFixed(1)}/s, ratio ${result.ratio.toFixed(2)}`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
