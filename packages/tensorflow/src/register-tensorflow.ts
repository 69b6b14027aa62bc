import { registerJitEngine, registerWeightLoader } from "@controlnet-js/core";
import { findBackend, registerBackend, setBackend } from "@tensorflow/tfjs-core";
import type { ConvolutionMode } from "./convolution/kernels.js";
import { type EngineReport, engineReport, type OpenOptions, openEngine, requireEngine } from "./engine.js";
import { TensorFlowError } from "./errors.js";
import { jit } from "./jit/jit.js";
import { registerExtraKernels } from "./kernels/index.js";
import { loadWeights } from "./load-weights.js";

const backendName = "tensorflow";

/** How to open the engine, and what it runs on. */
export interface RegisterOptions extends OpenOptions {
  /** Measure once which algorithm is fastest for each shape of convolution, or always use TensorFlow's. Default `"measured"`. */
  convolution?: ConvolutionMode;
  /** Run attention, norms and activations on ops of this addon where it has them (the CPU), or on TensorFlow's. Default true. */
  ownOps?: boolean;
}

/**
 * Opens TensorFlow and makes it the tfjs backend. Opening happens once a process; a second call only selects the
 * backend again.
 * @throws TensorFlowError `missing` where libtensorflow or a compiler is not there, `engine` where a GPU is asked
 * for and cannot be used, `state` where it is open on another device than the one asked for
 */
export async function registerTensorFlow(options: RegisterOptions = {}): Promise<EngineReport> {
  const isOpen = engineReport() !== undefined;
  const { backend, report } = isOpen ? requireEngine("registerTensorFlow") : await openEngine(options);
  if (!isOpen) {
    registerBackend(backendName, () => backend, 4);
    registerExtraKernels(
      options.convolution ?? "measured",
      report.device === "cpu" && (options.ownOps ?? true),
    );
    registerJitEngine(backendName, { jit });
    registerWeightLoader(backendName, loadWeights);
  }
  if (findBackend(backendName) !== backend || !(await setBackend(backendName)))
    throw new TensorFlowError(
      `registerTensorFlow: another backend is already registered under the name "${backendName}"`,
    );
  const { device = "auto" } = options;
  if (device !== "auto" && device !== report.device)
    throw new TensorFlowError(
      `registerTensorFlow: asked for the ${device.toUpperCase()}, but TensorFlow is open on the ${report.device.toUpperCase()}, and a process opens it once; name the device at the first call`,
      {},
      "state",
    );
  return report;
}
