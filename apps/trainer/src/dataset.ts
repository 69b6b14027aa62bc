import { writeDataset } from "@controlnet-js/tinyworld/node";
import type { ConditionName } from "./conditions/condition-name.js";
import { openCondition } from "./conditions/open-condition.js";
import { createProgressBar } from "./progress-bar.js";
import { isExact, sceneMaps } from "./tinyworld-maps.js";

/** How `controlnet dataset tinyworld` was called. */
export interface DatasetCommand {
  out: string;
  count: number;
  seed: number;
  start: number;
  condition: ConditionName;
  workers: number;
}

/** Writes a tinyworld dataset in fill50k's format, with the maps of a condition. */
export async function writeTinyworld({
  out,
  count,
  seed,
  start,
  condition: name,
  workers,
}: DatasetCommand): Promise<void> {
  const { condition } = await openCondition(name);
  const maps = sceneMaps(condition, {}, !isExact(name));
  const bar = createProgressBar();
  try {
    await writeDataset({
      out,
      count,
      seed,
      start,
      workers,
      format: "fill50k",
      map: maps.of,
      onProgress: (written, total) => bar.update(written, total, "scenes"),
    });
    bar.print(`${count} scenes: ${out}`);
  } finally {
    bar.end();
  }
}
