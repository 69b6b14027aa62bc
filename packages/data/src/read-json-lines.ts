import { ControlNetError, isControlNetError, nearestName } from "@controlnet-js/core";
import { listLimit, readTextInside } from "./read-text.js";

/** One line of a JSON-lines file: the wanted fields, and where they stand. */
export interface JsonLine<K extends string> {
  /** `"prompt.json:17"`, for messages. */
  where: string;
  fields: Record<K, string>;
}

/**
 * Reads a file of one JSON object a line, each with the given string fields; other fields are left alone, empty
 * lines too.
 * @param root the dataset's folder, which a link may leave only with `followLinks`
 * @throws ControlNetError `missing` for no such file, `data` for a link that leaves the folder, `format` with the number of the line that is wrong
 */
export async function readJsonLines<K extends string>(
  root: string,
  file: string,
  keys: readonly K[],
  followLinks = false,
): Promise<JsonLine<K>[]> {
  let text: string;
  try {
    text = await readTextInside(root, file, listLimit, followLinks);
  } catch (cause) {
    if (isControlNetError(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ControlNetError("missing", `readJsonLines: cannot read ${file} (${reason})`, { cause });
  }
  const lines: JsonLine<K>[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const where = `${file}:${i + 1}`;
    lines.push({ where, fields: readFields(where, parseLine(where, line), keys) });
  }
  if (lines.length === 0)
    throw new ControlNetError("format", `${file}: expected one JSON object a line, got no lines`);
  return lines;
}

function parseLine(where: string, line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = line.trimStart().startsWith("[")
      ? "; the file must hold one object a line, not an array"
      : "";
    throw new ControlNetError("format", `${where}: malformed JSON (${reason})${hint}`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new ControlNetError("format", `${where}: expected a JSON object, got ${line.trim().slice(0, 60)}`);
}

function readFields<K extends string>(where: string, value: object, keys: readonly K[]): Record<K, string> {
  const entries = new Map<string, unknown>(Object.entries(value));
  return Object.fromEntries(
    keys.map((key) => {
      const field = entries.get(key);
      if (typeof field === "string") return [key, field];
      const nearest = entries.has(key) ? undefined : nearestName(key, entries.keys());
      const got = entries.has(key) ? JSON.stringify(field) : `only ${[...entries.keys()].join(", ") || "{}"}`;
      const hint = nearest ? `; is "${nearest}" meant?` : "";
      throw new ControlNetError("format", `${where}: expected a string "${key}", got ${got}${hint}`);
    }),
  ) as Record<K, string>;
}
