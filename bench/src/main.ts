/** Runs cases beside their peers and prints ratios: see ../README.md. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Case, Contestant } from "./case.js";
import { cases } from "./cases/index.js";
import { type Figures, type Row, reportRow } from "./report.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: here("../../out/bench.json") },
    python: { type: "string", default: here("../../tooling/reference/.venv/bin/python") },
    only: { type: "string", multiple: true },
    list: { type: "boolean", default: false },
  },
});
if (options.list) {
  for (const { name, title } of cases) process.stdout.write(`${name}\t${title}\n`);
  process.exit(0);
}
const chosen = positionals.length > 0 ? cases.filter(({ name }) => positionals.includes(name)) : cases;
const unknown = positionals.filter((name) => !cases.some((one) => one.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `bench: no case ${unknown.join(", ")} (known: ${cases.map((one) => one.name).join(", ")})\n`,
  );
  process.exit(1);
}
const hasPython = existsSync(options.python);
if (!hasPython)
  process.stderr.write(`bench: no ${options.python}: PyTorch is left out (see tooling/reference)\n`);

/** One process of one contestant. */
function measure(one: Case, contestant: Contestant): { milliseconds: number[]; peakBytes: number } {
  const [command, args] =
    contestant === "pytorch"
      ? [
          options.python,
          [here("../peers/measure_pytorch.py"), one.name, String(one.calls), String(one.warmUp)],
        ]
      : [
          process.execPath,
          ["--conditions=@controlnet-js/source", "--import", "tsx", here("measure.ts"), one.name, contestant],
        ];
  const printed = execFileSync(command, args as string[], {
    encoding: "utf8",
    cwd: here(".."),
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(printed.trim().split("\n").pop()!);
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

const rows: Row[] = [];
for (const one of chosen) {
  const contestants: Contestant[] = [
    "ours",
    ...(hasPython ? ["pytorch" as const] : []),
    ...one.others,
  ].filter((name) => !options.only || options.only.includes(name)) as Contestant[];
  const all = new Map<Contestant, { milliseconds: number[]; peakBytes: number[]; error?: string }>();
  for (let round = 0; round < one.rounds; round++)
    for (const contestant of contestants) {
      const sum = all.get(contestant) ?? { milliseconds: [], peakBytes: [] };
      all.set(contestant, sum);
      if (sum.error) continue;
      try {
        const { milliseconds, peakBytes } = measure(one, contestant);
        sum.milliseconds.push(...milliseconds);
        sum.peakBytes.push(peakBytes);
      } catch (error) {
        sum.error = (error as Error).message.split("\n")[0]!;
      }
    }
  const figures: Partial<Record<Contestant, Figures>> = {};
  for (const [contestant, { milliseconds, peakBytes, error }] of all)
    figures[contestant] = error
      ? { error }
      : { milliseconds: median(milliseconds), peakBytes: Math.max(...peakBytes) };
  const row: Row = { name: one.name, title: one.title, ...(one.goal && { goal: one.goal }), figures };
  rows.push(row);
  process.stdout.write(`${reportRow(row)}\n`);
  save();
}

/** The figures so far. */
function save(): void {
  mkdirSync(dirname(options.out), { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), node: process.version };
  writeFileSync(options.out, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
}
process.stdout.write(`${options.out}\n`);
