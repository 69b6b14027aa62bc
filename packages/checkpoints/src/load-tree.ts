import { ControlNetError, type StoredWeights, weightLoader } from "@controlnet-js/core";
import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { bytesPerElement, isFloatDType } from "./dtype.js";
import { identify } from "./identify/identify.js";
import { describeReport, isCleanReport, type KeyReport, KeyReportError } from "./key-report.js";
import { type KeyRow, type PublishedTensor, publishedTensors } from "./key-table.js";
import { fromPublished, publishedOrder } from "./layout.js";
import { elementCount, type NamedTensor, type TensorSource, toFloat32 } from "./tensor-source.js";
import { buildTree } from "./tree-builder.js";

/** How to load a tree. */
export interface LoadOptions {
  /** Whether missing, unused and mismatched keys are an error. Default true. */
  strict?: boolean;
  /** What the names in the file have before the table's keys. Names without it are not looked at. */
  prefix?: string;
  /** Named in errors, e.g. the model and the file. */
  where?: string;
  /** Names (without prefix) that may be there unused, such as buffers that the model computes itself. */
  ignore?: readonly RegExp[];
  /** Gives the leaf where the file has none that fits and `strict` is false; else the leaf is left out. */
  fallback?: (row: KeyRow) => Tensor | undefined;
  /** Whether NaN and infinite weights are accepted. Default false. */
  allowNonFinite?: boolean;
}

/** A loaded tree with what did not fit. */
export interface Loaded<P> {
  params: P;
  report: KeyReport;
}

/**
 * Compares a file's names, shapes and types with a key table, without reading any weights.
 * @throws ControlNetError `config` for a table that is not reversible
 */
export function compareKeys(
  source: TensorSource,
  rows: readonly KeyRow[],
  { prefix = "", ignore = [], where = "compareKeys" }: LoadOptions = {},
): KeyReport {
  return compare(source, publishedTensors(rows, where), prefix, ignore).report;
}

/**
 * Builds a model's parameters, float32 tensors in our layout, from a file. The caller disposes them.
 * @throws KeyReportError (`format`) listing every missing, unused and mismatched key, unless `strict` is false
 * @throws ControlNetError `data` naming the tensors with NaN or infinite weights
 */
export function loadTree<P>(source: TensorSource, rows: readonly KeyRow[], options: LoadOptions = {}): P {
  return loadTreeWithReport<P>(source, rows, options).params;
}

/** {@link loadTree}, also telling what did not fit (with `strict: false`, else there is nothing to tell). */
export function loadTreeWithReport<P>(
  source: TensorSource,
  rows: readonly KeyRow[],
  options: LoadOptions = {},
): Loaded<P> {
  const {
    strict = true,
    prefix = "",
    where = "loadTree",
    ignore = [],
    fallback,
    allowNonFinite = false,
  } = options;
  const { report, fitting } = compare(source, publishedTensors(rows, where), prefix, ignore);
  if (strict && !isCleanReport(report)) {
    const strange = report.missing.length > rows.length / 2 ? `; it is ${identify(source).summary}` : "";
    throw new KeyReportError(
      `${where}: the file does not fit the model${strange}\n${describeReport(report)}`,
      report,
    );
  }
  const leaves = new Map<string, Tensor>();
  try {
    for (const [wanted, found] of fitting) readRows(wanted, found, leaves, where, allowNonFinite);
    if (fallback)
      for (const row of rows) {
        const leaf = leaves.has(row.path) ? undefined : fallback(row);
        if (leaf) leaves.set(row.path, leaf);
      }
    const ordered = rows.flatMap(({ path }) =>
      leaves.has(path) ? [[path, leaves.get(path)!] as const] : [],
    );
    return { params: buildTree(ordered, where) as P, report };
  } catch (error) {
    for (const leaf of leaves.values()) leaf.dispose();
    throw error;
  }
}

function compare(source: TensorSource, wanted: PublishedTensor[], prefix: string, ignore: readonly RegExp[]) {
  const names = new Set(source.names().filter((name) => name.startsWith(prefix)));
  const report: KeyReport = { missing: [], unused: [], mismatched: [] };
  const fitting: [PublishedTensor, NamedTensor][] = [];
  for (const published of wanted) {
    const key = prefix + published.key;
    if (!names.delete(key)) {
      report.missing.push(key);
      continue;
    }
    const found = source.get(key);
    const same = found.shape.join() === published.shape.join();
    if (same && isFloatDType(found.dtype)) fitting.push([published, found]);
    else
      report.mismatched.push({
        key,
        expected: `float [${published.shape.join(", ")}]`,
        found: `${found.dtype} [${found.shape.join(", ")}]`,
      });
  }
  for (const name of names)
    if (!ignore.some((pattern) => pattern.test(name.slice(prefix.length)))) report.unused.push(name);
  return { report, fitting };
}

function readRows(
  { rows }: PublishedTensor,
  found: NamedTensor,
  leaves: Map<string, Tensor>,
  where: string,
  allowNonFinite: boolean,
): void {
  const read = leafReader(found);
  let start = 0;
  for (const row of rows) {
    const { leaf, finite } = read(row, start);
    leaves.set(row.path, leaf);
    if (!finite && !allowNonFinite)
      throw new ControlNetError(
        "data",
        `${where}: tensor "${found.name}" holds NaN or infinite weights; the file is damaged or comes from a failed training run`,
      );
    start += elementCount(row.shape);
  }
}

/** Reads the leaf whose numbers begin at element `start`: by the engine itself where it can, else through arrays. */
function leafReader(found: NamedTensor): (row: KeyRow, start: number) => { leaf: Tensor; finite: boolean } {
  const load = weightLoader();
  const { place, dtype } = found;
  if (load && place && isLoadable(dtype))
    return ({ layout, shape }, start) => {
      const byteOffset = place.byteOffset + start * bytesPerElement(dtype);
      const order = publishedOrder(layout, shape);
      const { tensor: leaf, finite } = load({ ...place, byteOffset, dtype, order }, shape);
      return { leaf, finite };
    };
  const values = toFloat32(found);
  return ({ layout, shape }, start) => {
    const part = values.subarray(start, start + elementCount(shape));
    return { leaf: tensor(fromPublished(part, layout, shape), shape, "float32"), finite: allFinite(part) };
  };
}

const isLoadable = (dtype: string): dtype is StoredWeights["dtype"] =>
  dtype === "F32" || dtype === "F16" || dtype === "BF16";

/** Zero times a finite number is zero; times any other it is NaN, which every later sum keeps. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}
