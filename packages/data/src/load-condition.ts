import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Condition, ControlNetError, unknownName } from "@controlnet-js/core";

/**
 * Where a condition is defined, so that a worker process can load it too. Loading it runs its code: never take it from a
 * file that others wrote.
 */
export interface ConditionModule {
  /**
   * A file (`./my-condition.js` or `conditions/mine.ts`, relative to the working folder) or a package
   * (`@controlnet-js/preprocessors`); no URL.
   */
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

/**
 * Whether a name begins as a URL does (`data:`, `https:`, `node:`), which a drive's letter (`C:\`) is not. Control characters
 * and spaces, which URLs are read without, hide none.
 */
export const isUrl = (name: string): boolean =>
  /^[a-z][a-z0-9+.-]*:/i.test(name.replace(/[\p{Cc}\s]/gu, "")) && !/^[a-z]:[\\/]/i.test(name);

/** The name of a package, with what it exports below it. What else `import` takes, such as URLs, is none. */
const packageName = /^(@[\w.~-]+\/)?[\w~-][\w.~-]*(\/[\w.~-]+)*$/;

/**
 * The same module, with a file's path made absolute: independent of the working folder.
 * @throws ControlNetError `config` for what is neither a file's path nor a package's name, such as a URL
 */
export function resolveConditionModule({ module, export: name }: ConditionModule): ConditionModule {
  const isFile =
    !isUrl(module) && (/^\.{1,2}([\\/]|$)/.test(module) || isAbsolute(module) || isScriptHere(module));
  if (!isFile && !packageName.test(module))
    throw new ControlNetError(
      "config",
      `loadCondition: expected a module's file, such as ./my-condition.ts, or a package's name; got ${JSON.stringify(module.slice(0, 80))}${isUrl(module) ? ", a URL" : ""}`,
    );
  return {
    module: isFile ? resolve(module) : module,
    ...(name !== undefined && { export: name }),
  };
}

/**
 * Loads a condition from a module, which runs the module's code. TypeScript files need Node 22.18 or later, or `tsx`
 * installed.
 * @throws ControlNetError `missing` for an unknown module or export, `config` for a URL and for an export that is no
 * condition
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
  if (!Object.hasOwn(exports, name))
    throw new ControlNetError("missing", `${where}: unknown export ${unknownName(name, conditions)}`);
  if (!isCondition(exports[name]))
    throw new ControlNetError(
      "config",
      `${where}: export "${name}" is no condition; make it with defineCondition (conditions: ${known})`,
    );
  return exports[name];
}

/** A condition given to a dataset: itself, and where workers find it, if anywhere. */
export interface OpenedCondition {
  condition: Condition;
  module: ConditionModule | undefined;
}

/** Takes a condition itself, or the module that defines it; only the latter can be computed in worker processes. */
export async function openCondition(given: Condition | ConditionModule): Promise<OpenedCondition> {
  if (isCondition(given)) return { condition: given, module: undefined };
  return { condition: await loadCondition(given), module: resolveConditionModule(given) };
}

/** Adds the names of a CommonJS module that `import` shows only inside its default export. */
function withCommonJsNames(exports: Record<string, unknown>): Record<string, unknown> {
  const whole = exports.default;
  const isPlain = typeof whole === "object" && whole !== null && !isCondition(whole);
  return isPlain ? { ...whole, ...exports } : exports;
}

/** Imports a file by its absolute path, or a package by its name. */
async function importModule(module: string): Promise<Record<string, unknown>> {
  const isFile = isAbsolute(module);
  if (isFile && /\.[cm]?ts$/.test(module)) await enableTypeScript();
  try {
    return await import(/* @vite-ignore */ isFile ? pathToFileURL(module).href : module);
  } catch (error) {
    const notFound = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!notFound || isFile) throw error;
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
