import { ControlNetError, leavesOf } from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { FloatDType } from "./dtype.js";
import { type KeyRow, publishedTensors } from "./key-table.js";
import { toPublished } from "./layout.js";
import { elementCount, encodeFloat32, type NamedTensor } from "./tensor-source.js";

/** How to export a tree. */
export interface ExportOptions {
  /** Put before every key. */
  prefix?: string;
  /** The type to write. Default `F32`. */
  dtype?: FloatDType;
  /** Named in errors. */
  where?: string;
}

/**
 * A model's parameters as published tensors; the inverse of `loadTree`, exact in float32. The weights are read
 * when an entry's bytes are asked for, so keep the tensors until the file is written.
 * @throws ControlNetError `format` listing leaves without a row, rows without a leaf, and leaves of another shape
 */
export function exportTree(
  params: unknown,
  rows: readonly KeyRow[],
  { prefix = "", dtype = "F32", where = "exportTree" }: ExportOptions = {},
): NamedTensor[] {
  const published = publishedTensors(rows, where);
  const leaves = new Map(leavesOf(params).map(({ path, value }) => [path, value]));
  checkLeaves(leaves, rows, where);
  return published.map(({ key, shape, rows }) => ({
    name: prefix + key,
    dtype,
    shape,
    bytes: () => encodeFloat32(join(rows.map((row) => readLeaf(leaves.get(row.path)!, row))), dtype),
  }));
}

const readLeaf = (leaf: Tensor, row: KeyRow): Float32Array =>
  toPublished(leaf.dataSync<"float32">(), row.layout, row.shape);

function join(parts: Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(elementCount([parts.length, parts[0]!.length]));
  parts.forEach((part, i) => {
    whole.set(part, i * part.length);
  });
  return whole;
}

function checkLeaves(leaves: ReadonlyMap<string, Tensor>, rows: readonly KeyRow[], where: string): void {
  const spare = new Set(leaves.keys());
  const problems: string[] = [];
  for (const { path, shape } of rows) {
    const leaf = leaves.get(path);
    spare.delete(path);
    if (!leaf) problems.push(`no leaf at "${path}"`);
    else if (leaf.dtype !== "float32") problems.push(`"${path}" is ${leaf.dtype}, expected float32`);
    else if (leaf.shape.join() !== shape.join())
      problems.push(`"${path}" has shape [${leaf.shape.join(", ")}], expected [${shape.join(", ")}]`);
  }
  for (const path of spare) problems.push(`the table has no row for "${path}"`);
  if (problems.length > 0)
    throw new ControlNetError(
      "format",
      `${where}: the tree does not fit the key table\n  ${problems.slice(0, 20).join("\n  ")}${
        problems.length > 20 ? `\n  ... and ${problems.length - 20} more` : ""
      }`,
    );
}
