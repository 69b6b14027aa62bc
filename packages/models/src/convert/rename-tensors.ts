import {
  bytesPerElement,
  type KeyRow,
  type NamedTensor,
  publishedShape,
  type TensorSource,
  withDType,
} from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";

/** A key table with what stands before its keys. */
export interface PrefixedRows {
  rows: readonly KeyRow[];
  prefix: string;
}

/**
 * The tensors of one published form under the names of another, bit by bit: renamed, reshaped where one form has a 1x1
 * convolution and the other a linear layer, cut or stacked where one form fuses query, key and value. No engine is
 * needed; bytes are read when asked for.
 * @param from the table that the source fits; both tables are of the same model
 */
export function renameTensors(source: TensorSource, from: PrefixedRows, to: PrefixedRows): NamedTensor[] {
  const places = new Map(from.rows.map((row) => [row.path, row]));
  const byKey = new Map<string, KeyRow[]>();
  for (const row of to.rows) byKey.set(row.key, [...(byKey.get(row.key) ?? []), row]);
  return [...byKey].map(([key, rows]) => {
    const pieces = rows
      .toSorted((a, b) => (a.part?.index ?? 0) - (b.part?.index ?? 0))
      .map((row) => {
        const place = places.get(row.path);
        if (!place)
          throw new ControlNetError(
            "config",
            `renameTensors: the tables differ: no "${row.path}" in the first`,
          );
        return pieceOf(source, place, from.prefix, row);
      });
    return { ...stacked(pieces), name: to.prefix + key };
  });
}

/** One leaf in the shape and order of elements of `to`. */
function pieceOf(source: TensorSource, place: KeyRow, prefix: string, to: KeyRow): NamedTensor {
  const whole = source.get(prefix + place.key);
  const { part } = place;
  const bytes = () => {
    const all = whole.bytes();
    if (!part) return all;
    const size = all.byteLength / part.of;
    return all.subarray(part.index * size, (part.index + 1) * size);
  };
  const shape = publishedShape(to.layout, to.shape);
  const turned = (place.layout === "plain") !== (to.layout === "plain") && to.shape.length === 2;
  return {
    name: whole.name,
    dtype: whole.dtype,
    shape,
    bytes: turned ? () => transposed(bytes(), bytesPerElement(whole.dtype), shape[1]!, shape[0]!) : bytes,
  };
}

function stacked(pieces: NamedTensor[]): NamedTensor {
  const [first] = pieces as [NamedTensor];
  if (pieces.length === 1) return first;
  const same = pieces.every(({ dtype }) => dtype === first.dtype);
  const alike = same ? pieces : pieces.map((piece) => withDType(piece, "F32"));
  return {
    ...alike[0]!,
    shape: [first.shape[0]! * pieces.length, ...first.shape.slice(1)],
    bytes() {
      const parts = alike.map((piece) => piece.bytes());
      const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
      let offset = 0;
      for (const part of parts) {
        all.set(part, offset);
        offset += part.byteLength;
      }
      return all;
    },
  };
}

/** A matrix of `size`-byte elements, given by rows, by columns. */
function transposed(bytes: Uint8Array, size: number, rows: number, columns: number): Uint8Array {
  const out = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size;
      out.set(bytes.subarray(from, from + size), (column * rows + row) * size);
    }
  return out;
}
