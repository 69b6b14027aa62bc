export { allReduceInBuckets, type BucketOptions } from "./collectives/buckets.js";
export type { Cluster } from "./collectives/cluster.js";
export type { Communicator, PeerHealth } from "./collectives/communicator.js";
export { type ConnectOptions, connectGroup } from "./collectives/connect.js";
export { type MpiOptions, mpiCommunicator } from "./collectives/mpi-communicator.js";
export { type Ranks, ranksFromEnvironment } from "./collectives/ranks.js";
export { singleProcess } from "./collectives/single-process.js";
export { tensorFlowCommunicator } from "./collectives/tensorflow-communicator.js";
export type { CommunicatorOptions } from "./collectives/watched-group.js";
export {
  type Algorithm,
  type ConvolutionChoices,
  convolutionChoices,
  setConvolutionChoices,
} from "./convolution/choices.js";
export type { ConvolutionMode } from "./convolution/kernels.js";
export { type Diagnosis, doctor, type Finding } from "./doctor.js";
export type { ElementType } from "./dtypes.js";
export { type EngineReport, engineReport } from "./engine.js";
export { TensorFlowError, type TensorFlowFailure } from "./errors.js";
export { findLibTensorFlow, type LibTensorFlow } from "./find-library.js";
export type { TraceFigures } from "./jit/compiled-function.js";
export { jit, recordedGraphs, traceReport } from "./jit/jit.js";
export type { JitOptions } from "./jit/settings.js";
export { type DeviceMemory, type MemoryReport, memoryReport } from "./memory.js";
export type { Device } from "./native.js";
export { type OpCost, profileOps } from "./profile.js";
export { type ProvisionOptions, provision } from "./provision.js";
export { type RegisterOptions, registerTensorFlow } from "./register-tensorflow.js";
export type { DeviceOptions } from "./session-config.js";
export { type FileRange, storedBytes, storedTensor } from "./stored-tensor.js";
export { tensorFlowVersion, type Variant } from "./wheel.js";
