import { type Condition, type ErrorCode, isControlNetError } from "@controlnet-js/core";
import type { Dataset, Sample } from "./dataset.js";

/** Options of {@link inspectDataset}. */
export interface InspectOptions {
  /** How many samples to load, spread evenly over the dataset. Default 64. */
  sampleCount?: number;
  /** What the maps should look like; known for datasets read from files. */
  condition?: Pick<Condition, "polarity">;
}

/** What {@link inspectDataset} found. */
export interface DatasetReport {
  /** The dataset's own line. */
  description: string;
  /** How many samples were loaded, or tried. */
  checked: number;
  /** Samples that cannot be used; a skippable one costs a run nothing but itself. */
  problems: { index: number; code: ErrorCode; message: string; skippable: boolean }[];
  /** What is allowed but rarely meant. */
  warnings: string[];
}

/**
 * Loads a few samples and reports every problem at once, before a long run meets them one by one. Throws nothing
 * for a bad sample.
 */
export async function inspectDataset(
  dataset: Dataset & { readonly condition?: Condition },
  { sampleCount = 64, condition = dataset.condition }: InspectOptions = {},
): Promise<DatasetReport> {
  const checked = Math.min(Math.max(1, Math.floor(sampleCount)), dataset.size);
  const report: DatasetReport = { description: dataset.describe(), checked, problems: [], warnings: [] };
  const seen: Traits[] = [];
  const parallel = 16;
  for (let start = 0; start < checked; start += parallel) {
    const indices = Array.from({ length: Math.min(parallel, checked - start) }, (_, i) =>
      Math.floor(((start + i) * dataset.size) / checked),
    );
    const outcomes = await Promise.allSettled(indices.map((index) => dataset.load(index)));
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") seen.push(traitsOf(outcome.value));
      else report.problems.push(problemOf(indices[i]!, outcome.reason));
    }
  }
  report.warnings.push(...warningsOf(seen, condition?.polarity ?? "none"));
  return report;
}

interface Traits {
  name: string;
  caption: string;
  isMostlyBright: boolean;
  isItsOwnMap: boolean;
}

function traitsOf({ name, caption, image, map }: Sample): Traits {
  const sum = map.data.reduce((total, byte) => total + byte, 0);
  return {
    name,
    caption,
    isMostlyBright: sum > 0.5 * 255 * map.data.length,
    isItsOwnMap: image.channels === map.channels && Buffer.compare(image.data, map.data) === 0,
  };
}

function problemOf(index: number, error: unknown): DatasetReport["problems"][number] {
  return {
    index,
    code: isControlNetError(error) ? error.code : "data",
    message: error instanceof Error ? error.message : String(error),
    skippable: isControlNetError(error) && "skippable" in error && error.skippable === true,
  };
}

function warningsOf(seen: readonly Traits[], polarity: Condition["polarity"]): string[] {
  const warnings: string[] = [];
  const count = (label: string, which: readonly Traits[]) => {
    if (which.length > 0)
      warnings.push(`${which.length} of ${seen.length} samples: ${label} (first: ${which[0]!.name})`);
  };
  if (polarity === "white-on-black")
    count(
      "the map is mostly white, expected white on black; is it inverted?",
      seen.filter((s) => s.isMostlyBright),
    );
  count(
    "map and image are the same picture",
    seen.filter((s) => s.isItsOwnMap),
  );
  count(
    "the caption is empty",
    seen.filter((s) => s.caption.trim() === ""),
  );
  if (seen.length > 1 && seen.every((s) => s.caption === seen[0]!.caption))
    warnings.push(`all ${seen.length} samples have the same caption ${JSON.stringify(seen[0]!.caption)}`);
  return warnings;
}
