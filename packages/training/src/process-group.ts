import { leavesOf, treeLike } from "@controlnet-js/core";
import { dispose, scalar, type Tensor, tensor1d } from "@tensorflow/tfjs-core";

/**
 * Processes that train one model together, each on its own share of every batch. The groups of
 * `@controlnet-js/tensorflow` are such.
 */
export interface ProcessGroup {
  /** This process, from 0. The first one validates and saves. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** The sum over all processes of each tensor, the same bits everywhere. The caller disposes both. */
  allReduce(tensors: readonly Tensor[]): Promise<Tensor[]>;
  /** The tensors of process `root`, on all of them; shapes and dtypes agree everywhere. The caller disposes both. */
  broadcast(tensors: readonly Tensor[], root?: number): Promise<Tensor[]>;
  /** Resolves once every process has called it. */
  barrier(): Promise<void>;
}

/** The sum of a number over all processes; without a group, the number. */
export async function sumOver(group: ProcessGroup | undefined, value: number): Promise<number> {
  if (!group) return value;
  const own = scalar(value);
  const [sum] = await group.allReduce([own]);
  const [total] = await sum!.data();
  dispose([own, sum!]);
  return total!;
}

/** The first process's leaves on all processes. Takes over `tree`. */
export async function shareTree<T>(group: ProcessGroup, tree: T): Promise<T> {
  const leaves = leavesOf(tree).map(({ value }) => value);
  const shared = treeLike(tree, await group.broadcast(leaves));
  dispose(leaves);
  return shared;
}

/** Characters that {@link shareText} carries. */
const textLength = 1024;

/** The first process's text, of at most 1,024 ASCII characters, on all processes. */
export async function shareText(group: ProcessGroup, text: string): Promise<string> {
  const codes = Array.from(text.padEnd(textLength), (character) => character.charCodeAt(0));
  const own = tensor1d(codes, "int32");
  const [shared] = await group.broadcast([own]);
  const values = await shared!.data();
  dispose([own, shared!]);
  return String.fromCharCode(...values).trimEnd();
}
