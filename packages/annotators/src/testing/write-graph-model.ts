import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A node of a graph: its op, its inputs' names, its attributes. */
export interface GraphNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Record<string, unknown>;
}

/** A constant of a graph, float32 or int32. */
export interface GraphConstant {
  dtype: "float32" | "int32";
  shape: number[];
  values: number[];
}

const types = { float32: "DT_FLOAT", int32: "DT_INT32" };

/** Writes a graph model as TensorFlow.js' converter does: `model.json` and `weights.bin`, with one input and one output. */
export function writeGraphModel(
  folder: string,
  nodes: readonly GraphNode[],
  constants: Readonly<Record<string, GraphConstant>>,
  output: string,
): void {
  const entries = Object.entries(constants);
  const bytes = entries.map(([, { dtype, values }]) =>
    dtype === "int32"
      ? Buffer.from(Int32Array.from(values).buffer)
      : Buffer.from(Float32Array.from(values).buffer),
  );
  const constantNodes = entries.map(([name, { dtype, shape }]) => ({
    name,
    op: "Const",
    attr: {
      dtype: { type: types[dtype] },
      value: {
        tensor: { dtype: types[dtype], tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } },
      },
    },
  }));
  const model = {
    format: "graph-model",
    modelTopology: {
      node: [...constantNodes, ...nodes, { name: "Identity", op: "Identity", input: [output], attr: {} }],
      versions: {},
    },
    weightsManifest: [
      {
        paths: ["weights.bin"],
        weights: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
      },
    ],
  };
  writeFileSync(join(folder, "model.json"), JSON.stringify(model));
  writeFileSync(join(folder, "weights.bin"), Buffer.concat(bytes));
}

/** An attribute that is a type. */
export const typeAttribute = (type: "float32" | "int32") => ({ type: types[type] });

/** An attribute that is a shape; -1 is any size. */
export const shapeAttribute = (shape: readonly number[]) => ({
  shape: { dim: shape.map((size) => ({ size: String(size) })) },
});
