import type { NamedTensor, TensorSource } from "./tensor-source.js";

/** The tensors of `source` whose names begin with `prefix`, under their names without it. */
export function withoutPrefix(source: TensorSource, prefix: string): TensorSource {
  return {
    metadata: source.metadata,
    names: () =>
      source
        .names()
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)),
    get: (name) => ({ ...source.get(prefix + name), name }),
  };
}

const modelPrefix = "model.";
const emaPrefix = "model_ema.";

/** Whether a file of the original code also holds the moving average of its weights. */
export const hasEmaWeights = (source: TensorSource): boolean =>
  source.names().some((name) => name.startsWith(`${emaPrefix}diffusion_model`));

/**
 * The same file with the moving average in place of each weight that has one. The original code stores it under
 * `model_ema.` and the name without dots.
 */
export function withEmaWeights(source: TensorSource): TensorSource {
  const names = new Set(source.names());
  const average = (name: string): string | undefined => {
    if (!name.startsWith(modelPrefix)) return undefined;
    const stored = emaPrefix + name.slice(modelPrefix.length).replaceAll(".", "");
    return names.has(stored) ? stored : undefined;
  };
  return {
    metadata: source.metadata,
    names: () => source.names().filter((name) => !name.startsWith(emaPrefix)),
    get: (name): NamedTensor => ({ ...source.get(average(name) ?? name), name }),
  };
}
