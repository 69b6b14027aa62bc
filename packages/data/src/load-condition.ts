import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Condition, ControlNetError, nearestName } from "@controlnet-js/core";

/** Where a condition is defined, so that a worker process can load it too. */
export interface ConditionModule {
  /** A file (`./my-condition.js` or `conditions/mine.ts`, relative to the working folder) or a package (`@controlnet-js/preprocessors`). */
  module: string;
  /** The name of the export. May be left out where the module exports one condition only. */
  export?: string;
}

/** Whether `value` has the shape of a condition; also true for one made by another copy of core. */
export function isCondition(value: unknown): value is Condition {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Condition>;
  return (
    typeof candidate.name === "string" &&
    typeof candidate.channels === "number" &&
    typeof candidate.detect === "function" &&
    typeof candidate.metadata === "function"
  );
}

/** Whether a name such as `conditions/mine.ts` is that of a file rather than of something in a package. */
const isScriptHere = (module: string): boolean => /\.[cm]?[jt]s$/.test(module) && existsSync(resolve(module));

/** The same module, with a file given as a URL: independent of the working folder. */
export function resolveConditionModule({ module, export: name }: ConditionModule): ConditionModule {
  const isFile = module.startsWith(".") || isAbsolute(module) || isScriptHere(module);
  return {
    module: isFile ? pathToFileURL(resolve(module)).href : module,
    ...(name !== undefined && { export: name }),
  };
}

/**
 * Loads a condition from a module. TypeScript files need Node 22.18 or later, or `tsx` installed.
 * @throws ControlNetError `missing` for an unknown module or export, `config` for an export that is no condition
 */
export async function loadCondition(given: ConditionModule): Promise<Condition> {
  const { module, export: name } = resolveConditionModule(given);
  const where = `loadCondition: module "${given.module}"`;
  let exports: Record<string, unknown>;
  try {
    exports = withCommonJsNames(await importModule(module));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ControlNetError("missing", `${where} cannot be loaded: ${reason}`, { cause });
  }
  const conditions = Object.keys(exports).filter(
    (key) => key !== "module.exports" && isCondition(exports[key]),
  );
  const known = conditions.join(", ") || "none";
  if (name === undefined) {
    const distinct = new Set(conditions.map((key) => exports[key]));
    if (distinct.size === 1) return exports[conditions[0]!] as Condition;
    throw new ControlNetError("config", `${where}: name the export to use (conditions: ${known})`);
  }
  if (!(name in exports)) {
    const nearest = nearestName(name, conditions);
    const hint = nearest ? `, did you mean "${nearest}"?` : "";
    throw new ControlNetError("missing", `${where} has no export "${name}"${hint} (conditions: ${known})`);
  }
  if (!isCondition(exports[name]))
    throw new ControlNetError(
      "config",
      `${where}: export "${name}" is no condition; make it with defineCondition (conditions: ${known})`,
    );
  return exports[name];
}

/** Adds the names of a CommonJS module that `import` shows only inside its default export. */
function withCommonJsNames(exports: Record<string, unknown>): Record<string, unknown> {
  const whole = exports.default;
  const isPlain = typeof whole === "object" && whole !== null && !isCondition(whole);
  return isPlain ? { ...whole, ...exports } : exports;
}

async function importModule(module: string): Promise<Record<string, unknown>> {
  if (/^file:.*\.[cm]?ts$/.test(module)) await enableTypeScript();
  try {
    return await import(/* @vite-ignore */ module);
  } catch (error) {
    const notFound = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!notFound || module.startsWith("file:")) throw error;
    // A package of the user's own: known in their folder, not in ours.
    const found = createRequire(join(process.cwd(), "index.js")).resolve(module);
    return await import(/* @vite-ignore */ pathToFileURL(found).href);
  }
}

let typeScript: Promise<void> | undefined;

function enableTypeScript(): Promise<void> {
  return (typeScript ??= (async () => {
    const reads =
      import.meta.url.endsWith(".ts") || ("typescript" in process.features && process.features.typescript);
    if (reads) return;
    let tsx: string;
    try {
      tsx = createRequire(join(process.cwd(), "index.js")).resolve("tsx");
    } catch {
      throw new Error(`Node ${process.version} reads no TypeScript; compile the file or install tsx`);
    }
    // Loading it is what switches it on.
    await import(/* @vite-ignore */ pathToFileURL(tsx).href);
  })());
}
