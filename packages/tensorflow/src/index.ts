// Opening the engine
export { type RegisterOptions, registerTensorFlow } from "./register-tensorflow.js";
export { type EngineReport, engineReport, type OpenOptions } from "./engine.js";
export type { DeviceOptions } from "./session-config.js";
export type { Device } from "./native.js";
export { TensorFlowError, type TensorFlowFailure } from "./errors.js";

// Compiled functions
export { jit, recordedGraphs, traceReport } from "./jit/jit.js";
export type { JitOptions } from "./jit/settings.js";
export type { TraceFigures } from "./jit/compiled-function.js";

// Tensors of files
export { type FileRange, storedBytes, storedTensor } from "./stored-tensor.js";
export type { ElementType } from "./dtypes.js";

// Several processes
export { type ConnectOptions, connectGroup } from "./collectives/connect.js";
export type { Communicator, PeerHealth } from "./collectives/communicator.js";
export type { CommunicatorOptions } from "./collectives/watched-group.js";
export type { Cluster } from "./collectives/cluster.js";
export { allReduceInBuckets, type BucketOptions } from "./collectives/buckets.js";

// What it costs
export { type DeviceMemory, type MemoryReport, memoryReport } from "./memory.js";
export { type OpCost, profileOps } from "./profile.js";
export {
  type Algorithm,
  type ConvolutionChoices,
  convolutionChoices,
  setConvolutionChoices,
} from "./convolution/choices.js";
export type { ConvolutionMode } from "./convolution/kernels.js";

// Installing libtensorflow
export { findLibTensorFlow, type LibTensorFlow } from "./find-library.js";
export { type ProvisionOptions, provision } from "./provision.js";
export type { Variant } from "./wheel.js";
export { type Diagnosis, doctor, type Finding } from "./doctor.js";
