import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { engineCacheFolder } from "../cache-folder.js";
import { tensorFlowVersion } from "../wheel.js";

/** How a convolution is computed: TensorFlow's own op, or patches and one matrix product. */
export type Algorithm = "native" | "product";

/** For each convolution by direction, shape and batch, the algorithm that was fastest on this machine. */
export type ConvolutionChoices = Record<string, Algorithm>;

let choices: ConvolutionChoices | undefined;
let pinned = false;

/** Where this machine's measurements are kept. */
function choicesFile(): string {
  const processors = cpus();
  const machine = `${processors[0]?.model}|${processors.length}|${tensorFlowVersion}`;
  const name = createHash("sha256").update(machine).digest("hex").slice(0, 12);
  return join(engineCacheFolder(), `convolutions-${name}.json`);
}

/** What processes of this machine have measured so far. */
function stored(): ConvolutionChoices {
  try {
    return JSON.parse(readFileSync(choicesFile(), "utf8")) as ConvolutionChoices;
  } catch {
    return {};
  }
}

function load(): ConvolutionChoices {
  choices ??= stored();
  return choices;
}

/** The choices in use. Stored with a run, they make a resumed run compute the same bits. */
export const convolutionChoices = (): ConvolutionChoices => ({ ...load() });

/** Uses these choices, measured before, instead of this machine's own; new shapes are measured and added. */
export function setConvolutionChoices(given: ConvolutionChoices): void {
  choices = { ...given };
  pinned = true;
}

/**
 * The algorithm for `key`; `measure` is called when it is not known. What is stored first counts for all processes, so that
 * a run repeats the bits of one before it.
 */
export function chooseAlgorithm(key: string, measure: () => Algorithm): Algorithm {
  const known = load();
  const present = known[key];
  if (present) return present;
  if (pinned) {
    known[key] = measure();
    return known[key];
  }
  const measured = stored()[key] ?? measure();
  const others = stored();
  known[key] = others[key] ?? measured;
  if (!others[key]) save({ ...others, [key]: measured });
  return known[key];
}

function save(known: ConvolutionChoices): void {
  const file = choicesFile();
  try {
    mkdirSync(dirname(file), { recursive: true });
    const aside = `${file}.${process.pid}`;
    writeFileSync(aside, JSON.stringify(known, null, 1));
    renameSync(aside, file);
  } catch {
    // A cache that cannot be written costs a measurement the next time, nothing else.
  }
}
