import type * as z from "zod";
import { ControlNetError, nearestName, unknownName } from "./errors.js";

/**
 * Reads options or a config by its zod schema. An unknown key is an error that names the nearest known one.
 * @param unknown what the error calls such a key
 * @throws ControlNetError `config`, whose `option` is the (first) key at fault
 */
export function parseOptions<S extends z.ZodObject>(
  where: string,
  schema: S,
  given: unknown,
  unknown = "unknown key",
): z.output<S> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new ControlNetError(
      "config",
      `${where}: expected an object of options, got ${JSON.stringify(given)}`,
    );
  const known = Object.keys(schema.shape);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw new ControlNetError("config", `${where}: ${unknown} ${unknownName(key, known)}`, { option: key });
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const value = valueAt(given, issue.path);
    return `${issue.path.join(".") || "value"}: ${expectation(issue)}, got ${shown(value)}${hint(issue, value)}`;
  });
  throw new ControlNetError("config", `${where}: ${issues.join("; ")}`, {
    option: result.error.issues[0]?.path.join("."),
  });
}

/** What a value should have been; zod says of a choice of numbers only that it is invalid. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_union") {
    const choices = issue.errors.flatMap(([only]) => (only?.code === "invalid_value" ? only.values : []));
    if (choices.length === issue.errors.length && choices.length > 0)
      return `expected one of ${choices.map(shown).join(", ")}`;
  }
  return issue.message.replace(/^[A-Z]\w+ \w+: (expected .*?)(, received .*)?$/, "$1");
}

/** The nearest of a few words. */
function hint(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== "invalid_value" || typeof value !== "string") return "";
  const nearest = nearestName(value, issue.values.map(String));
  return nearest ? `; did you mean "${nearest}"?` : "";
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (isObject(inner) ? inner[key as keyof typeof inner] : undefined),
    value,
  );

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const shown = (value: unknown): string =>
  (typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))).slice(0, 60);
