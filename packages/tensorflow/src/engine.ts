import { createRequire } from "node:module";
import { type Binding, createBinding } from "./binding.js";
import { buildAddon } from "./build-addon.js";
import { isLoopback, parseAddress } from "./collectives/addresses.js";
import { type Cluster, encodeServerDef, withCollectives } from "./collectives/cluster.js";
import { asTensorFlowError, TensorFlowError } from "./errors.js";
import { cudaLibraries, findLibTensorFlow, type LibTensorFlow } from "./find-library.js";
import type { Device, NativeEngine } from "./native.js";
import { createNodeBackend, type NodeBackend } from "./node-backend.js";
import { provision } from "./provision.js";
import { type DeviceOptions, encodeConfig } from "./session-config.js";
import { VariableTable } from "./variables.js";

/** How to open TensorFlow. */
export interface OpenOptions extends DeviceOptions {
  /** `"gpu"` fails where there is no usable GPU; `"cpu"` ignores one. Default: a GPU if there is one. */
  device?: "cpu" | "gpu" | "auto";
  /** Join these processes for collective operations; see `connectGroup`. */
  cluster?: Cluster;
  /** Fetch libtensorflow if it is not there. Default false. */
  provision?: boolean;
  /** Receives progress lines. */
  log?: (line: string) => void;
}

/** What was opened. */
export interface EngineReport {
  engine: "tensorflow";
  version: string;
  device: "cpu" | "gpu";
  devices: Device[];
  libraryFolder: string;
  addon: string;
  /** Why a better device is not used, in words; empty where the best one is. */
  notes: string[];
}

/** The open engine with everything that works on it. */
export interface OpenEngine {
  native: NativeEngine;
  binding: Binding;
  variables: VariableTable;
  backend: NodeBackend;
  report: EngineReport;
  cluster: Cluster | undefined;
}

let open: OpenEngine | undefined;

/** What `registerTensorFlow` opened, or undefined before it was called. */
export const engineReport = (): EngineReport | undefined => open?.report;

/**
 * The open engine.
 * @throws TensorFlowError `state` before `registerTensorFlow`
 */
export function requireEngine(where: string): OpenEngine {
  if (!open) throw new TensorFlowError(`${where}: call registerTensorFlow() first`, {}, "state");
  return open;
}

/**
 * Opens TensorFlow, which a process can do once.
 * @throws TensorFlowError `missing` where libtensorflow or a compiler is not there, `engine` where a GPU is asked
 * for and cannot be used
 */
export async function openEngine(options: OpenOptions): Promise<OpenEngine> {
  const prefer = options.device === "gpu" ? "cuda" : options.device === "cpu" ? "cpu" : undefined;
  let library = findLibTensorFlow(prefer);
  const lacksGpu = options.device === "gpu" && library?.variant === "cpu";
  if ((!library || lacksGpu) && options.provision)
    library = await provision({ variant: prefer ?? "cpu", log: options.log });
  if (!library)
    throw new TensorFlowError(
      "registerTensorFlow: libtensorflow is not installed; run `npx controlnet-tensorflow install`, pass { provision: true }, or name a folder that holds it in CONTROLNET_LIBTENSORFLOW",
      {},
      "missing",
    );
  const addon = await buildAddon(library, options.log);
  const native = loadAddon(addon);
  native.preload(cudaLibraries(library.folder));
  try {
    const plain = encodeConfig(options, options.device === "cpu" ? 0 : undefined);
    const config = options.cluster ? withCollectives(plain, options.cluster) : plain;
    native.open(config);
    native.registerOps(options.threads ?? 0);
    if (options.cluster) startServer(native, options.cluster, config, options.log);
  } catch (error) {
    throw asTensorFlowError(error, "registerTensorFlow: opening TensorFlow");
  }
  const report = describeEngine(native, library, addon, options);
  const usesGpu = report.device === "gpu";
  const variables = new VariableTable(native);
  const binding = createBinding(native, variables, usesGpu);
  const backend = await createNodeBackend(binding, usesGpu);
  open = { native, binding, variables, backend, report, cluster: options.cluster };
  return open;
}

/** Starts TensorFlow's server, which listens on all interfaces; for a group on loopback it then ignores other machines. */
function startServer(
  native: NativeEngine,
  cluster: Cluster,
  config: Uint8Array,
  log: (line: string) => void = (line) => process.emitWarning(line),
): void {
  native.enableCollectives(encodeServerDef(cluster, config));
  const places = cluster.addresses.map(parseAddress);
  if (!places.every(({ host }) => isLoopback(host))) return;
  const { port } = places[cluster.rank]!;
  if (native.keepToLoopback(port) === 0)
    log(
      `WARNING: this system can't keep TensorFlow's server at port ${port} to loopback; use a private network`,
    );
}

function loadAddon(path: string): NativeEngine {
  try {
    return createRequire(import.meta.url)(path) as NativeEngine;
  } catch (error) {
    throw new TensorFlowError(
      `registerTensorFlow: the addon ${path} does not load (${(error as Error).message}); run \`npx controlnet-tensorflow doctor\``,
      { cause: error },
    );
  }
}

function describeEngine(
  native: NativeEngine,
  library: LibTensorFlow,
  addon: string,
  options: OpenOptions,
): EngineReport {
  const devices = native.listDevices();
  const device = devices.some(({ type }) => type === "GPU") ? "gpu" : "cpu";
  const notes: string[] = [];
  if (device === "cpu" && options.device !== "cpu") {
    if (library.variant === "cpu")
      notes.push(
        "the CPU build of TensorFlow is installed; `npx controlnet-tensorflow install --cuda` adds the GPU one",
      );
    else notes.push("TensorFlow sees no GPU; check `nvidia-smi` and `npx controlnet-tensorflow doctor`");
    if (options.device === "gpu")
      throw new TensorFlowError(`registerTensorFlow: no GPU: ${notes.join("; ")}`);
  }
  return {
    engine: "tensorflow",
    version: native.version,
    device,
    devices,
    libraryFolder: library.folder,
    addon,
    notes,
  };
}
