import { Tensor } from "@tensorflow/tfjs-core";
import { TensorFlowError } from "../errors.js";

/** Nested plain objects and arrays taken apart: the tensors in order, and everything else as a key. */
export interface Flattened {
  tensors: Tensor[];
  /** Where each tensor stands, e.g. `[0].down.kernel`. */
  paths: string[];
  /** Equal for two trees exactly when nesting, static values, shapes and dtypes are equal. */
  key: string;
}

const isPlain = (node: object): boolean => {
  const prototype = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
};

/**
 * Takes a tree apart.
 * @throws TensorFlowError `unsupported` for a leaf that is neither a tensor nor a plain value
 */
export function flatten(where: string, tree: unknown): Flattened {
  const tensors: Tensor[] = [];
  const paths: string[] = [];
  const parts: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (node instanceof Tensor) {
      tensors.push(node);
      paths.push(path);
      parts.push(`${node.dtype}[${node.shape.join()}]`);
    } else if (Array.isArray(node)) {
      parts.push("(");
      node.forEach((child, i) => {
        walk(child, `${path}[${i}]`);
      });
      parts.push(")");
    } else if (typeof node === "object" && node !== null && isPlain(node)) {
      parts.push("{");
      for (const [name, child] of Object.entries(node)) {
        parts.push(JSON.stringify(name));
        walk(child, `${path}.${name}`);
      }
      parts.push("}");
    } else parts.push(staticKey(where, node, path));
  };
  walk(tree, "");
  return { tensors, paths, key: parts.join(" ") };
}

/** The same tree with its tensors, in order, replaced. */
export const rebuild = (tree: unknown, tensors: readonly Tensor[]): unknown => fill(template(tree), tensors);

/** The same tree with every tensor replaced by a mark of its place, so that it keeps no tensor alive. */
export const template = (tree: unknown): unknown => {
  if (tree instanceof Tensor) return slot;
  if (Array.isArray(tree)) return tree.map(template);
  if (typeof tree === "object" && tree !== null && isPlain(tree))
    return Object.fromEntries(Object.entries(tree).map(([name, child]) => [name, template(child)]));
  return tree;
};

const slot = Symbol("tensor");

/** A template with its places filled, in order. */
export function fill(shape: unknown, tensors: readonly Tensor[]): unknown {
  let next = 0;
  const walk = (node: unknown): unknown => {
    if (node === slot) return tensors[next++];
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node === "object" && node !== null && isPlain(node))
      return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, walk(child)]));
    return node;
  };
  return walk(shape);
}

function staticKey(where: string, value: unknown, path: string): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  const kind = typeof value === "object" ? value.constructor.name : typeof value;
  throw new TensorFlowError(
    `${where}: ${path || "the value"} is a ${kind}; only tensors, plain values and nested plain objects and arrays of them can pass`,
    {},
    "unsupported",
  );
}
