import { getBackend, type Tensor } from "@tensorflow/tfjs-core";

/** Float weights as they lie in a file. */
export interface StoredWeights {
  path: string;
  byteOffset: number;
  dtype: "F32" | "F16" | "BF16";
  /** Stored as [output, input, area]; the tensor holds them as [area, input, output]. */
  order: readonly [output: number, input: number, area: number];
}

/**
 * Reads weights straight into an engine's memory, as a float32 tensor that the caller disposes, and tells whether all
 * of them are finite.
 */
export type WeightLoader = (
  stored: StoredWeights,
  shape: readonly number[],
) => { tensor: Tensor; finite: boolean };

const loaders = new Map<string, WeightLoader>();

/** Makes checkpoints load through `loader` on the tfjs backend of this name. Called by an engine's own registration. */
export function registerWeightLoader(backendName: string, loader: WeightLoader): void {
  loaders.set(backendName, loader);
}

/** The current backend's way to read weights from files, where it has one. */
export const weightLoader = (): WeightLoader | undefined => loaders.get(getBackend());
