import type { FileHandle } from "node:fs/promises";
import {
  checkedBytes,
  planSafetensors,
  type SafetensorsPlan,
  type WriteOptions,
} from "../safetensors/write-safetensors.js";
import type { NamedTensor } from "../tensor-source.js";
import { writeAll, writeFileAtomically } from "./atomic.js";

/** How to save a file of tensors. */
export interface SaveOptions extends WriteOptions {
  /** Free text entries. */
  metadata?: Record<string, string>;
}

/** Streams a planned file: one tensor in memory at a time. */
export async function writePlan(handle: FileHandle, { head, tensors }: SafetensorsPlan): Promise<void> {
  await writeAll(handle, head);
  for (const tensor of tensors) await writeAll(handle, checkedBytes(tensor));
}

/**
 * Saves a safetensors file tensor by tensor: written aside, brought to the disk, then renamed, so that `path`
 * is always a whole file, the old or the new.
 * @throws ControlNetError `io` where the disk is full or not writable, `format` for what the format cannot hold
 */
export async function saveSafetensors(
  path: string,
  entries: Iterable<NamedTensor>,
  { metadata = {}, ...options }: SaveOptions = {},
): Promise<void> {
  const plan = planSafetensors(entries, metadata, options);
  await writeFileAtomically(path, (handle) => writePlan(handle, plan));
}
