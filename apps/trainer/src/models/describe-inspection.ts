import { visibleLine } from "@controlnet-js/core";
import type { Inspection } from "@controlnet-js/models/node";

/** An inspection as lines for a person: what it is, its parts, then a table of its tensors. */
export function describeInspection(inspection: Inspection): string {
  const { path, summary, advice, parts, ema, parameters, bytes, metadata, tensors } = inspection;
  const partLines = parts.map(
    ({ part, prefix, tensors: count }) => `  ${part}: ${count} tensors at "${visibleLine(prefix)}"`,
  );
  const notes = Object.entries(metadata).map(
    ([key, value]) => `  ${visibleLine(shortened(key))}: ${visibleLine(shortened(value))}`,
  );
  const rows = tensors.map(({ name, dtype, shape, sha256 }) => [
    visibleLine(name),
    dtype,
    `[${shape.join(", ")}]`,
    ...(sha256 ? [sha256] : []),
  ]);
  return [
    `${path}: ${summary}`,
    ...(advice ? [advice] : []),
    `${tensors.length} tensors, ${parameters.toLocaleString("en")} numbers, ${(bytes / 2 ** 20).toFixed(1)} MiB${ema ? ", with the moving average of the weights" : ""}`,
    ...(partLines.length > 0 ? ["parts:", ...partLines] : []),
    ...(notes.length > 0 ? ["metadata:", ...notes] : []),
    "tensors:",
    ...table(rows),
  ].join("\n");
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}...` : text);

function table(rows: readonly string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`.trimEnd());
}
