/**
 * Canny, resizing, Hough and pose drawing beside OpenCV.js and native OpenCV, one thread each, in one run:
 * `pnpm bench [--json] [--python path] [--seconds 0.4] [--only text]`
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { INTERPOLATIONS, SCALES, SIZES } from "./inputs.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    python: { type: "string", default: here("../../../tooling/reference/.venv/bin/python") },
    seconds: { type: "string", default: "0.4" },
    only: { type: "string", default: "" },
  },
});
const seconds = Number(flags.seconds);
/** Each case is measured this often, the sides taking turns, and the best time counts. */
const ROUNDS = 2;

/** A process that measures cases. */
class Side {
  private readonly answers: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(program: string, args: string[]): Promise<{ side: Side; greeting: string }> {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] as unknown as "pipe" });
    const side = new Side(child);
    return { side, greeting: await side.answer() };
  }

  /** Milliseconds of processor time of a case. */
  async measure(size: number, name: string): Promise<number> {
    this.child.stdin.write(`${JSON.stringify({ size, name, seconds })}\n`);
    return Number(await this.answer());
  }

  stop(): void {
    this.child.stdin.end();
  }

  private async answer(): Promise<string> {
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`${this.child.spawnargs.join(" ")} ended early`);
    return value;
  }
}

const folder = mkdtempSync(join(tmpdir(), "bench-"));
const raw = join(folder, "photograph.raw");
writeFileSync(raw, await sharp(here("../../../docs/conditions/astronaut.jpg")).raw().toBuffer());

const ours = (...args: string[]) => Side.start(process.execPath, ["--import", "tsx", ...args]);
const started = {
  ours: await ours(here("ours.ts"), raw),
  plain: await ours(here("ours.ts"), raw, "plain"),
  opencvJs: await ours(here("opencv-js.ts"), raw),
  native: await Side.start(flags.python, [here("native.py"), raw]),
};
type Name = keyof typeof started;
const names = Object.keys(started) as Name[];

const cases = [
  "canny, rgb",
  "canny, grey",
  ...INTERPOLATIONS.flatMap((method) => Object.keys(SCALES).map((direction) => `${method} ${direction}`)),
  "hough lines",
  "hough segments",
  "four poses",
].filter((name) => name.includes(flags.only));

const rows: ({ size: number; name: string } & Record<Name, number>)[] = [];
for (const size of SIZES)
  for (const name of cases) {
    const times = Object.fromEntries(names.map((side) => [side, Number.POSITIVE_INFINITY])) as Record<
      Name,
      number
    >;
    for (let round = 0; round < ROUNDS; round++)
      for (const side of names)
        times[side] = Math.min(times[side], await started[side].side.measure(size, name));
    rows.push({ size, name, ...times });
    if (!flags.json) process.stderr.write(".");
  }
for (const { side } of Object.values(started)) side.stop();
rmSync(folder, { recursive: true });

if (flags.json) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  const opencv = started.native.greeting.replace("ready ", "");
  console.log(JSON.stringify({ unit: "ms of processor time, one thread", machine, opencv, rows }, null, 2));
} else {
  console.log(
    "\n| ms | size | ours | plain TypeScript | OpenCV.js | native OpenCV | ours / OpenCV.js | ours / native |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const { size, name, ours, plain, opencvJs, native } of rows) {
    const times = [ours, plain, opencvJs, native].map((time) => time.toPrecision(3));
    const ratios = [ours / opencvJs, ours / native].map((ratio) => ratio.toFixed(2));
    console.log(`| ${[name, size, ...times, ...ratios].join(" | ")} |`);
  }
}
