import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { setBackend } from "@tensorflow/tfjs-core";

/** Selects tfjs's WebAssembly engine: networks of their real size are too slow in plain JavaScript. */
export async function useWasm(): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(entry) + sep);
  await setBackend("wasm");
}
