import { ControlNetError } from "@controlnet-js/core";
import { fitsLayout, type Layout, publishedShape } from "./layout.js";

/** A row of a model's reversible key table: one leaf of our tree and where others keep it. */
export interface KeyRow {
  /** The leaf's place in our tree: keys and array indices joined by dots, `"down.0.residual.1.norm1.scale"`. */
  path: string;
  /** The published name, without prefix. */
  key: string;
  layout: Layout;
  /** The shape here. */
  shape: number[];
  /**
   * For a published tensor that holds several of ours, stacked along its first side (a fused query-key-value
   * kernel): which of how many equal parts this row is. Every part needs a row.
   */
  part?: { index: number; of: number };
}

/** A published tensor and the rows that it holds: one, or all its parts in order. */
export interface PublishedTensor {
  key: string;
  /** The shape as published. */
  shape: number[];
  rows: KeyRow[];
}

/**
 * The published tensors of a table, checked for what would make it irreversible.
 * @throws ControlNetError `config` for a path or key twice, an impossible shape or part, or a lacking part
 */
export function publishedTensors(rows: readonly KeyRow[], where: string): PublishedTensor[] {
  const wrong = (message: string): never => {
    throw new ControlNetError("config", `${where}: key table: ${message}`);
  };
  const paths = new Set<string>();
  const byKey = new Map<string, KeyRow[]>();
  for (const row of rows) {
    if (paths.has(row.path)) wrong(`two rows for path "${row.path}"`);
    paths.add(row.path);
    if (!fitsLayout(row.layout, row.shape))
      wrong(`"${row.path}" of shape [${row.shape.join(", ")}] can't be ${row.layout}`);
    const sharing = byKey.get(row.key);
    if (sharing) sharing.push(row);
    else byKey.set(row.key, [row]);
  }
  return [...byKey].map(([key, sharing]) => {
    const first = sharing[0]!;
    const shape = publishedShape(first.layout, first.shape);
    if (!first.part) {
      if (sharing.length > 1) wrong(`two rows for key "${key}"`);
      return { key, shape, rows: sharing };
    }
    const { of } = first.part;
    const ordered = [...sharing].sort((a, b) => (a.part?.index ?? -1) - (b.part?.index ?? -1));
    const complete =
      ordered.length === of && ordered.every(({ part }, i) => part?.of === of && part.index === i);
    if (!complete || shape.length === 0) wrong(`the parts of key "${key}" are not 0 to ${of - 1}, once each`);
    if (ordered.some((row) => publishedShape(row.layout, row.shape).join() !== shape.join()))
      wrong(`the parts of key "${key}" differ in shape`);
    return { key, shape: [shape[0]! * of, ...shape.slice(1)], rows: ordered };
  });
}
