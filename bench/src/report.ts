import type { Case, Contestant } from "./case.js";

/** The median time of a call and the largest peak of a process; or why there are none. */
export type Figures = { milliseconds: number; peakBytes: number } | { error: string };

/** One case's figures. */
export interface Row extends Pick<Case, "name" | "title" | "goal"> {
  figures: Partial<Record<Contestant, Figures>>;
}

const time = (milliseconds: number) =>
  milliseconds < 1000 ? `${milliseconds.toPrecision(3)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;

/** A case in lines: each contestant's time and peak memory, and ours as a part of it. */
export function reportRow({ title, goal, figures }: Row): string {
  const ours = figures.ours;
  const lines = Object.entries(figures).map(([name, got]) => {
    if ("error" in got) return `  ${name.padEnd(9)} failed: ${got.error}`;
    const parts = [
      `  ${name.padEnd(9)} ${time(got.milliseconds).padStart(8)}  ${(got.peakBytes / 1e9).toFixed(2)} GB`,
    ];
    if (name !== "ours" && ours && "milliseconds" in ours) {
      parts.push(`ours takes ${(ours.milliseconds / got.milliseconds).toFixed(2)}x the time`);
      parts.push(`${(ours.peakBytes / got.peakBytes).toFixed(2)}x the memory`);
      if (name === goal?.peer)
        parts.push(`(goal: ${goal.time}x the time${goal.memory ? `, ${goal.memory}x the memory` : ""})`);
    }
    return parts.join("  ");
  });
  return [title, ...lines].join("\n");
}
