import { totalmem } from "node:os";
import type { SelectedEngine } from "@controlnet-js/engine";

/** No WebAssembly module addresses more. */
const wasmMemory = 2 ** 32;

/**
 * Bytes that an engine can hold at most: those of the machine, or what its container allows. Infinity for a GPU, whose
 * memory is its own.
 */
export function engineMemory({ backend, device }: Pick<SelectedEngine, "backend" | "device">): number {
  if (device === "gpu") return Number.POSITIVE_INFINITY;
  // 0 where nothing is known of a container.
  const machine = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return backend === "wasm" ? Math.min(machine, wasmMemory) : machine;
}
