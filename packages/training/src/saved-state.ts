import { join } from "node:path";
import { type NamedTensor, type TensorSource, toFloat32 } from "@controlnet-js/checkpoints";
import { openSafetensors, saveSafetensors } from "@controlnet-js/checkpoints/node";
import { ControlNetError, leavesOf, mapTree } from "@controlnet-js/core";
import type { Cursor } from "@controlnet-js/data";
import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import type { LossScale } from "./loss-scale.js";
import type { TrainState } from "./train-step.js";

/** How far a run has come; plain data. */
export interface Progress {
  /** Steps done. */
  step: number;
  cursor: Cursor;
  /** With float16 only. */
  lossScale?: LossScale;
  /** The newest validation that was due, and how many up to it met the run's goal in a row. */
  validation?: { step: number; met: number };
}

const stateFile = "state.safetensors";

/**
 * Writes what a run goes on from into a checkpoint's folder.
 * @param run what makes two runs the same run: a checkpoint of another one must not be resumed silently
 */
export const writeState = <P>(
  folder: string,
  state: TrainState<P>,
  progress: Progress,
  run: string,
): Promise<void> =>
  saveTrees(join(folder, stateFile), treesOf(state), { progress: JSON.stringify(progress), run });

/**
 * Reads what {@link writeState} wrote, of the shapes of `like`. The caller disposes the state.
 * @throws ControlNetError `state` for another run's checkpoint, `format` for another model's
 */
export function readState<P>(
  folder: string,
  like: TrainState<P>,
  run: string,
): { state: TrainState<P>; progress: Progress } {
  const path = join(folder, stateFile);
  const metadata = readTreesMetadata(path);
  if (metadata.run !== run)
    throw new ControlNetError(
      "state",
      `runTraining: ${folder} belongs to another run; expected ${run}, got ${metadata.run}. ` +
        "Give the same data, batch size, seed, optimizer, average and kind of ControlNet, or another output folder",
    );
  const { params, ema, ...slots } = loadTrees(path, treesOf(like)).trees as Record<string, P>;
  const state: TrainState<P> = { params: params!, slots, ...(ema !== undefined && { ema }) };
  return { state, progress: JSON.parse(metadata.progress!) as Progress };
}

/** A state's trees by the names that its file has. */
const treesOf = <P>({ params, slots, ema }: TrainState<P>): NamedTrees => ({
  params,
  ...slots,
  ...(ema !== undefined && { ema }),
});

/** Trees by name, e.g. parameters, moments and average. */
export type NamedTrees = Record<string, unknown>;

/** Writes trees of tensors, float32 and exact, under our own paths: the state of a run, not a published model. */
export async function saveTrees(
  path: string,
  trees: NamedTrees,
  metadata: Record<string, string> = {},
): Promise<void> {
  const entries = Object.entries(trees).flatMap(([name, tree]) =>
    leavesOf(tree).map(({ path: leaf, value }): NamedTensor => {
      return {
        name: `${name}/${leaf}`,
        dtype: "F32",
        shape: value.shape,
        bytes: () => {
          const values = value.dataSync() as Float32Array;
          return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        },
      };
    }),
  );
  await saveSafetensors(path, entries, { metadata });
}

/** What {@link saveTrees} was given beside the trees. */
export function readTreesMetadata(path: string): Record<string, string> {
  const source = openSafetensors(path);
  try {
    return source.metadata;
  } finally {
    source.close();
  }
}

/**
 * Reads trees written by {@link saveTrees}, of the nesting and shapes of `like`. The caller disposes them.
 * @throws ControlNetError `format` where a tensor is missing or has another shape
 */
export function loadTrees<T extends NamedTrees>(
  path: string,
  like: T,
): { trees: T; metadata: Record<string, string> } {
  const source = openSafetensors(path);
  try {
    const names = new Set(source.names());
    const trees = Object.fromEntries(
      Object.entries(like).map(([name, tree]) => [
        name,
        mapTree(tree, (leaf, at) => readLeaf(source, names, path, `${name}/${at}`, leaf)),
      ]),
    ) as T;
    return { trees, metadata: source.metadata };
  } finally {
    source.close();
  }
}

function readLeaf(
  source: TensorSource,
  names: Set<string>,
  path: string,
  name: string,
  like: Tensor,
): Tensor {
  if (!names.has(name))
    throw new ControlNetError(
      "format",
      `loadTrees: ${path} has no tensor "${name}"; it belongs to another model`,
    );
  const found = source.get(name);
  if (found.shape.join() !== like.shape.join())
    throw new ControlNetError(
      "format",
      `loadTrees: ${path}: "${name}" is [${found.shape}], expected [${like.shape}]; it belongs to another model`,
    );
  return tensor(toFloat32(found), found.shape, "float32");
}
