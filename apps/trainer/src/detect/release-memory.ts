import type { Image } from "@controlnet-js/core";

/**
 * Gives the memory of bytes that nobody reads any more back at once. Left to the garbage collector, each photograph of 12
 * megapixels starts a collection of the whole heap: a tenth of the time that decoding it takes.
 */
export function releaseMemory({ buffer, byteLength }: Image["data"]): void {
  // Small buffers of Node share one piece of memory; of what was given back before there is nothing left.
  if (byteLength > 0 && byteLength === buffer.byteLength) (buffer as Partial<Transferable>).transfer?.(0);
}

/** Node 20 has it behind a flag alone, {@link transferFlags}. */
interface Transferable {
  transfer(newLength: number): ArrayBuffer;
}

/** What a process is started with so that it can give memory back. */
export const transferFlags: readonly string[] =
  "transfer" in ArrayBuffer.prototype ? [] : ["--harmony-rab-gsab-transfer"];
