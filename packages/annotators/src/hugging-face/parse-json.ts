import { ControlNetError } from "@controlnet-js/core";
import type * as z from "zod";

/** A file of JSON, parsed. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the parts of a config that decide what a model computes. A null is a value left out, as in transformers.
 * @param where the file, named in errors
 * @throws ControlNetError `unsupported` naming each value that is not built here
 */
export function parseJson<S extends z.ZodType>(where: string, schema: S, json: unknown): z.output<S> {
  const result = schema.safeParse(withoutNulls(json));
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length > 0 ? `"${path.join(".")}": ` : ""}${message}`,
  );
  throw new ControlNetError("unsupported", `${where}: ${problems.join("; ")}`);
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls(inner)]));
}
