import { createHash } from "node:crypto";
import type { NamedTensor } from "../tensor-source.js";

/** SHA-256 of a tensor's bytes, in hexadecimal. */
export const hashTensor = (tensor: NamedTensor): string =>
  createHash("sha256").update(tensor.bytes()).digest("hex");

/**
 * SHA-256 of a model: of every tensor's name, type, shape and bytes, in the order of the names. Entries of
 * `exportTree` give the same hash whatever file the weights came from.
 */
export function hashModel(tensors: Iterable<NamedTensor>): string {
  const hash = createHash("sha256");
  const ordered = [...tensors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const tensor of ordered) {
    hash.update(`${JSON.stringify([tensor.name, tensor.dtype, tensor.shape])}\n`);
    hash.update(tensor.bytes());
  }
  return hash.digest("hex");
}
