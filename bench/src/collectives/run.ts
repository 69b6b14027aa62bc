// All-reduce through the engine beside MPI_Allreduce from C: same sizes, same process counts, one run.
// node --conditions=@controlnet-js/source --import tsx bench/src/collectives/run.ts [processes ...]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const workspace = fileURLToPath(new URL("../../../", import.meta.url));
const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const script = ["--conditions=@controlnet-js/source", "--import", tsx, here("all-reduce.ts")];

/** Bytes and repetitions. */
const sizes = [
  [4 * 2 ** 10, 200],
  [2 ** 20, 60],
  [32 * 2 ** 20, 15],
  [128 * 2 ** 20, 5],
] as const;
const sizeArguments = sizes.flat().map(String);

type Times = Record<string, number>;

const mpirun = (processes: number, command: string[]): Times => {
  const flags = ["--allow-run-as-root", "--oversubscribe", "-n", `${processes}`];
  const version = execFileSync("mpirun", ["--version"], { encoding: "utf8" });
  const args = [...(version.includes("HYDRA") ? flags.slice(2) : flags), ...command];
  return JSON.parse(execFileSync("mpirun", args, { encoding: "utf8" }).trim().split("\n").at(-1)!) as Times;
};

const folder = mkdtempSync(join(tmpdir(), "all-reduce-"));
try {
  const program = join(folder, "all-reduce");
  execFileSync("mpicc", ["-O2", here("all-reduce.c"), "-o", program]);
  const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [2, 3, 4];
  const rows = counts.flatMap((processes) => {
    // C before and after, so that a machine that grows warm or busy shows.
    const before = mpirun(processes, [program, ...sizeArguments]);
    const engine = mpirun(processes, [process.execPath, ...script, ...sizeArguments]);
    const after = mpirun(processes, [program, ...sizeArguments]);
    return sizes.map(([bytes]) => {
      const c = Math.min(before[bytes]!, after[bytes]!);
      const ratio = engine[bytes]! / c;
      return { processes, bytes, engine: engine[bytes]!, c: [before[bytes]!, after[bytes]!], ratio };
    });
  });
  process.stdout.write(`${JSON.stringify({ unit: "ms", rows }, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
