import { ControlNetError, type LeafShape, leavesOf } from "@controlnet-js/core";
import type { KeyRow } from "./key-table.js";

/** Published names of the leaves of one module. */
const leafNames: Record<string, string> = { kernel: "weight", scale: "weight", bias: "bias" };

/**
 * The key table of a tree of shapes (see core's `shapeInitializer`) whose modules have other names elsewhere. The
 * layout follows from the leaf: a kernel of four sides is a convolution, one of two sides a linear layer.
 * @param rename turns a module's path, such as `"down.0.residual.1.norm1"`, into its published name
 * @throws ControlNetError `config` for a leaf that is no kernel, scale or bias
 */
export function keyRows(shapes: unknown, rename: (modulePath: string) => string): KeyRow[] {
  return leavesOf<LeafShape>(shapes).map(({ path, value }) => {
    const dot = path.lastIndexOf(".");
    const leaf = leafNames[path.slice(dot + 1)];
    if (!leaf) throw new ControlNetError("config", `keyRows: "${path}" is neither kernel, scale nor bias`);
    const isKernel = path.endsWith(".kernel");
    const layout = !isKernel ? "plain" : value.shape.length === 4 ? "convolution" : "linear";
    return { path, key: `${rename(path.slice(0, dot))}.${leaf}`, layout, shape: value.shape };
  });
}

/** A rename made of replacements, each applied once, in order; every one that matches is applied. */
export const renameBy =
  (replacements: readonly (readonly [RegExp, string | ((...match: string[]) => string)])[]) =>
  (modulePath: string): string =>
    replacements.reduce((name, [pattern, to]) => name.replace(pattern, to as string), modulePath);
