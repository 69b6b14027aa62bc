import { getBackend, type TensorContainer, tidy } from "@tensorflow/tfjs-core";
import { leavesOf } from "./tree.js";

/** Arithmetic of the heavy ops where the engine compiles; weights and sums stay float32. */
export type Precision = "float32" | "bfloat16" | "float16";

/** How a function over trees of tensors is compiled, where the engine can. */
export interface JitOptions {
  /** Shown in errors, traces and reports. Default: the function's own name. */
  name?: string;
  /** Positions of arguments whose tensors are updated in place: after the call only the returned tree is valid. */
  donate?: readonly number[];
  /** Compile with XLA where the engine has it. */
  xla?: boolean;
  /** Default `"float32"`. */
  precision?: Precision;
  /** How many traces (shapes and dtypes) are kept. Default 16. */
  cacheSize?: number;
}

/** A synchronous function from trees of tensors to a tree of tensors; arguments may hold plain values, too. */
export type TreeFunction = (...args: never[]) => unknown;

/** A compiled function; `dispose` frees its traces. */
export type Jitted<F extends TreeFunction> = F & { dispose(): void };

/** What an engine with functions offers: it is asked once for each function and backend. */
export interface JitEngine {
  jit<F extends TreeFunction>(fn: F, options: JitOptions): Jitted<F>;
}

const engines = new Map<string, JitEngine>();

/**
 * Makes `jit` compile on the tfjs backend of this name. Called by an engine's own registration; `undefined` makes new
 * functions run op by op again, for comparison.
 */
export function registerJitEngine(backendName: string, jitEngine: JitEngine | undefined): void {
  if (jitEngine) engines.set(backendName, jitEngine);
  else engines.delete(backendName);
}

/** Whether the current backend compiles what `jit` is given. */
export const compiles = (): boolean => engines.has(getBackend());

/**
 * Runs `fn` as one compiled function where the current backend can, and as it is elsewhere, with the same results.
 * `fn` takes and returns trees of tensors, must be synchronous and must not read tensor values. The caller owns
 * what is returned; everything else that `fn` makes is freed.
 */
export function jit<F extends TreeFunction>(fn: F, options: JitOptions = {}): Jitted<F> {
  const compiled = new Map<string, Jitted<F>>();
  const call = (...args: Parameters<F>): unknown => {
    const backendName = getBackend();
    const jitEngine = engines.get(backendName);
    if (!jitEngine) return runEagerly(fn, args, options.donate ?? []);
    let target = compiled.get(backendName);
    if (!target) compiled.set(backendName, (target = jitEngine.jit(fn, options)));
    return target(...args);
  };
  const dispose = () => {
    for (const target of compiled.values()) target.dispose();
    compiled.clear();
  };
  return Object.assign(call as unknown as F, { dispose });
}

function runEagerly<F extends TreeFunction>(fn: F, args: Parameters<F>, donated: readonly number[]): unknown {
  const result = tidy(() => fn(...args) as TensorContainer);
  const kept = new Set(leavesOf(result).map((leaf) => leaf.value));
  for (const position of donated)
    for (const { value } of leavesOf(args[position])) if (!kept.has(value)) value.dispose();
  return result;
}
