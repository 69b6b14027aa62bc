import { clone, dispose, type Tensor, type TensorContainer } from "@tensorflow/tfjs-core";
import { ControlNetError } from "./errors.js";

/**
 * The same nesting as `P`, with every tensor replaced by `R`. A tree is nested plain objects and arrays; its leaves are
 * tensors, and it may hold plain values, such as a model's config.
 */
export type Mapped<P, R> = P extends Tensor ? R : P extends object ? { [K in keyof P]: Mapped<P[K], R> } : P;

/** A leaf with its place in the tree: keys and indices joined by dots, `"down.0.residual.1.norm1.scale"`. */
export interface Leaf<T> {
  path: string;
  value: T;
}

/** Plain values, such as those of a config, stand in a tree beside its leaves. */
const isPlain = (node: unknown): boolean => typeof node !== "object" || node === null;

const isLeaf = (node: object): boolean =>
  !(Array.isArray(node) || Object.getPrototypeOf(node) === Object.prototype);

/** Every leaf with its path, depth first, in the order in which the keys were defined; plain values are passed over. */
export function leavesOf<T = Tensor>(tree: unknown): Leaf<T>[] {
  const found: Leaf<T>[] = [];
  const walk = (node: unknown, path: string) => {
    if (isPlain(node)) return;
    if (isLeaf(node as object)) found.push({ path, value: node as T });
    else
      for (const [key, child] of Object.entries(node as object)) walk(child, path ? `${path}.${key}` : key);
  };
  walk(tree, "");
  return found;
}

/** A tree of the same nesting with `f` applied to every leaf; plain values stay. */
export function mapTree<P, R = Tensor>(tree: P, f: (leaf: Tensor, path: string) => R): Mapped<P, R> {
  const walk = (node: unknown, path: string): unknown => {
    if (isPlain(node)) return node;
    if (isLeaf(node as object)) return f(node as Tensor, path);
    const at = (key: string | number) => (path ? `${path}.${key}` : `${key}`);
    if (Array.isArray(node)) return node.map((child, i) => walk(child, at(i)));
    return Object.fromEntries(
      Object.entries(node as object).map(([key, child]) => [key, walk(child, at(key))]),
    );
  };
  return walk(tree, "") as Mapped<P, R>;
}

/**
 * Applies `f` to the leaves that stand at the same place of two trees.
 * @throws ControlNetError `shape` where one tree has a leaf that the other lacks
 */
export function zipTrees<P>(a: P, b: P, f: (a: Tensor, b: Tensor, path: string) => Tensor): P {
  const others = new Map(leavesOf(b).map((leaf) => [leaf.path, leaf.value]));
  const result = mapTree(a, (leaf, path) => {
    const other = others.get(path);
    if (!other) throw new ControlNetError("shape", `zipTrees: the second tree has no leaf at "${path}"`);
    others.delete(path);
    return f(leaf, other, path);
  });
  const [extra] = others.keys();
  if (extra !== undefined)
    throw new ControlNetError("shape", `zipTrees: the first tree has no leaf at "${extra}"`);
  return result as P;
}

/** A tree of the nesting of `tree` whose leaves are taken, in order, from `values`. */
export function treeLike<P>(tree: P, values: readonly Tensor[]): P {
  let next = 0;
  const result = mapTree(tree, () => values[next++]!);
  if (next !== values.length)
    throw new ControlNetError("shape", `treeLike: expected ${next} leaves, got ${values.length}`);
  return result as P;
}

/** A copy that may be trained or disposed without touching the original. The caller disposes it. */
export const cloneTree = <P>(tree: P): P => mapTree(tree, (leaf) => clone(leaf)) as P;

/** Disposes every leaf. */
export const disposeTree = (tree: unknown): void =>
  dispose(leavesOf(tree).map((leaf) => leaf.value) as TensorContainer);

/**
 * A value that owns tensors, for `using`: leaving the block calls `dispose`. The method is not enumerable, so that a copy made
 * by `{ ...value }` and the walk over a tree don't see it.
 * @param dispose default: `disposeTree` of what the value then holds
 */
export const owned = <T extends object>(value: T, dispose = () => disposeTree(value)): T & Disposable =>
  Object.defineProperty(value, Symbol.dispose, { value: dispose, configurable: true }) as T & Disposable;

/** The number of scalars in all leaves. */
export const countParameters = (tree: unknown): number =>
  leavesOf<{ size: number }>(tree).reduce((sum, leaf) => sum + leaf.value.size, 0);
