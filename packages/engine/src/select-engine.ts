import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { ControlNetError, completeWasmKernels, unknownName } from "@controlnet-js/core";
import { engineReport, registerTensorFlow } from "@controlnet-js/tensorflow";
import { setBackend } from "@tensorflow/tfjs-core";

/** What a user may ask for. `"auto"` takes the best that works here; every other name works or fails. */
export const engineNames = ["auto", "tensorflow", "tensorflow-gpu", "tensorflow-cpu", "wasm", "cpu"] as const;

/** See {@link engineNames}. */
export type EngineName = (typeof engineNames)[number];

/** The engine in use. */
export interface SelectedEngine {
  /** The tfjs backend that computes. */
  backend: "tensorflow" | "wasm" | "cpu";
  /** Where tensors lie. */
  device: "cpu" | "gpu";
  /** One line for the user: what was chosen. */
  description: string;
  /** Why nothing better was, one line each; empty where it is the best there is. */
  reasons: string[];
}

/** How to select. */
export interface SelectEngineOptions {
  engine?: string;
  /** Fetch libtensorflow where it is missing. Default false. */
  provision?: boolean;
  /** Receives progress lines. */
  log?: (line: string) => void;
}

/**
 * Makes the best engine the tfjs backend: TensorFlow (GPU, then CPU), then WebAssembly. Also brings the gradients of
 * tfjs's own ops, which tfjs-core alone lacks.
 * @throws ControlNetError `config` for an unknown name, `engine` or `missing` where the engine asked for is not there
 */
export async function selectEngine({
  engine = "auto",
  provision = false,
  log,
}: SelectEngineOptions = {}): Promise<SelectedEngine> {
  assertEngineName("selectEngine", engine);
  await import("@tensorflow/tfjs");
  if (engine === "wasm") return useWasm([]);
  if (engine === "cpu") return useCpu();
  try {
    const report = await registerTensorFlow({ device: deviceOf(engine), provision, ...(log && { log }) });
    return {
      backend: "tensorflow",
      device: report.device,
      description: `TensorFlow ${report.version} on the ${report.device.toUpperCase()}, compiled functions`,
      reasons: report.notes,
    };
  } catch (error) {
    if (engine !== "auto" || engineReport()) throw error;
    return useWasm([(error as Error).message]);
  }
}

/** Throws a `config` error that names the nearest engine unless `engine` is one of {@link engineNames}. */
export function assertEngineName(where: string, engine: string): void {
  if ((engineNames as readonly string[]).includes(engine)) return;
  throw new ControlNetError("config", `${where}: unknown engine ${unknownName(engine, engineNames)}`);
}

/** The device that an engine's name asks for. */
export const deviceOf = (engine: string): "gpu" | "cpu" | "auto" =>
  engine === "tensorflow-gpu" ? "gpu" : engine === "tensorflow-cpu" ? "cpu" : "auto";

async function useWasm(reasons: string[]): Promise<SelectedEngine> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(entry) + sep);
  if (!(await setBackend("wasm")))
    throw new ControlNetError("engine", "selectEngine: WebAssembly does not start here");
  completeWasmKernels();
  return { backend: "wasm", device: "cpu", description: "WebAssembly (slower than TensorFlow)", reasons };
}

async function useCpu(): Promise<SelectedEngine> {
  await setBackend("cpu");
  return { backend: "cpu", device: "cpu", description: "plain JavaScript (for tests)", reasons: [] };
}
