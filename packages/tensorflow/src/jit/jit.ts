import type { Jitted, TreeFunction } from "@controlnet-js/core";
import { engine, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { requireEngine } from "../engine.js";
import { TensorFlowError } from "../errors.js";
import { flatten } from "./arguments.js";
import { CompiledFunction, type TraceFigures } from "./compiled-function.js";
import { functionSettings, type JitOptions } from "./settings.js";
import { activeTrace } from "./trace-binding.js";

const live = new Set<Map<string, CompiledFunction>>();

/**
 * Runs `fn` as one TensorFlow function. The first call with new shapes, dtypes or plain values records it; later
 * calls run the recording. Arguments and results are trees: nested plain objects and arrays of tensors and plain
 * values. Gradients may be taken inside. Called while another function is being recorded, it becomes part of that
 * one; called under a gradient tape, it runs op by op so that the tape sees it.
 *
 * The caller owns the returned tensors; everything else made inside is freed.
 * @throws TensorFlowError `unsupported` for what would be baked in wrongly: reading values, random numbers,
 * shapes that depend on values
 */
export function jit<F extends TreeFunction>(fn: F, options: JitOptions = {}): Jitted<F> {
  const settings = functionSettings(fn, options);
  const { cacheSize = 16, donate = [] } = options;
  const cache = new Map<string, CompiledFunction>();
  const run = fn as unknown as (...args: unknown[]) => unknown;

  const call = (...args: unknown[]): unknown => {
    const open = requireEngine(`jit ${settings.name}`);
    if (activeTrace()) return run(...args);
    if (engine().state.gradientDepth > 0) return tidy(() => run(...args) as Tensor);
    const perArgument = args.map((argument, i) => flatten(`jit ${settings.name}: argument ${i}`, argument));
    const flat = {
      tensors: perArgument.flatMap(({ tensors }) => tensors),
      paths: perArgument.flatMap(({ paths }, i) => paths.map((path) => `${i}${path}`)),
      key: perArgument.map(({ key }) => key).join(" , "),
    };
    const donated = perArgument.flatMap(({ tensors }, i) => tensors.map(() => donate.includes(i)));
    checkTensors(settings.name, flat.tensors, flat.paths, donated);
    let compiled = cache.get(flat.key);
    if (compiled) cache.delete(flat.key);
    else {
      compiled = new CompiledFunction(open, run, args, flat, donated, settings);
      live.add(cache);
    }
    // The map keeps insertion order, so its first entry is the one that was not used for the longest time.
    cache.set(flat.key, compiled);
    for (const [key, oldest] of cache) {
      if (cache.size <= cacheSize) break;
      oldest.dispose();
      cache.delete(key);
    }
    return compiled.call(flat.tensors);
  };
  const dispose = (): void => {
    for (const compiled of cache.values()) compiled.dispose();
    cache.clear();
    live.delete(cache);
  };
  recordings.set(call, cache);
  return Object.assign(call as unknown as F, { dispose });
}

const recordings = new WeakMap<object, Map<string, CompiledFunction>>();

/** Figures of every recording that is alive: trace time, nodes, captured bytes. */
export function traceReport(): TraceFigures[] {
  return [...live].flatMap((cache) => [...cache.values()].map(({ figures }) => figures));
}

/**
 * The recorded graphs of a compiled function, each a serialized `tensorflow.FunctionDef`, for export. They hold ops of
 * this addon, unless the function was made with `portable: true`.
 */
export function recordedGraphs(jitted: object): { signature: string; functionDef: Uint8Array }[] {
  return [...(recordings.get(jitted)?.values() ?? [])].map((compiled) => ({
    signature: compiled.figures.signature,
    functionDef: compiled.functionDef(),
  }));
}

function checkTensors(
  name: string,
  tensors: readonly Tensor[],
  paths: readonly string[],
  donated: readonly boolean[],
): void {
  const seen = new Map<object, string>();
  tensors.forEach((tensor, i) => {
    if (tensor.isDisposed)
      throw new TensorFlowError(`jit ${name}: argument ${paths[i]} is disposed`, {}, "state");
    if (!donated[i]) return;
    const other = seen.get(tensor);
    if (other)
      throw new TensorFlowError(
        `jit ${name}: ${other} and ${paths[i]} are the same tensor; donate it once`,
        {},
        "state",
      );
    seen.set(tensor, paths[i]!);
  });
}
