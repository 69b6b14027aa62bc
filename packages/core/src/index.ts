// A model: a typed tree of parameters with its config
export type { Model } from "./model.js";
export {
  cloneTree,
  countParameters,
  disposeTree,
  type Leaf,
  leavesOf,
  owned,
  type Mapped,
  mapTree,
  treeLike,
  zipTrees,
} from "./tree.js";
export {
  type Initial,
  type Initializer,
  initialValues,
  join,
  LeafShape,
  randomInitializer,
  shapeInitializer,
} from "./initializer.js";

// Operations, with gradients that keep little
export {
  type Convolution,
  type ConvolutionOptions,
  convolution,
  createConvolution,
} from "./ops/convolution.js";
export { createZeroConvolution, zeroConvolution } from "./ops/zero-convolution.js";
export { createLinear, type Linear, linear } from "./ops/linear.js";
export { createNorm, groupNorm, type Norm } from "./ops/group-norm.js";
export { layerNorm } from "./ops/layer-norm.js";
export {
  type Activation,
  activationNames,
  activations,
  geglu,
  gelu,
  mish,
  quickGelu,
  silu,
} from "./ops/activations.js";
export {
  type Attention,
  attention,
  createAttention,
  mergeHeads,
  multiHeadAttention,
  splitHeads,
} from "./ops/attention.js";
export { createResample, downsample, enlarge, upsample } from "./ops/resample.js";
export {
  createTimeEmbedding,
  embedTimesteps,
  type SinusoidOptions,
  sinusoidalEmbedding,
  type TimeEmbedding,
  type TimeEmbeddingOptions,
  type TimeEmbeddingShape,
} from "./ops/timestep-embedding.js";

// Blocks of the U-Net
export {
  createResidualBlock,
  type ResidualBlock,
  type ResidualBlockOptions,
  residualBlock,
} from "./blocks/residual-block.js";
export {
  createSpatialTransformer,
  type SpatialTransformer,
  type SpatialTransformerShape,
  spatialTransformer,
  type TransformerBlock,
  transformerBlock,
} from "./blocks/spatial-transformer.js";

// Training: what stays in memory, and the update
export { checkpointBlock, checkpointLockedBlock, type RunBlock, runBlock } from "./run-block.js";
export { rematerialize } from "./rematerialize.js";
export { runAfter } from "./kernels/run-after.js";
export { type AdamWInputs, adamWUpdate } from "./kernels/adam-w-update.js";

// Random numbers that depend on (seed, purpose, index) alone
export {
  philox,
  type RandomKey,
  randomIntegers,
  randomNormals,
  randomUniform,
  randomWords,
} from "./random.js";
export { randomNormalTensor } from "./random-tensor.js";

// Conditions: what a control map is
export {
  type ComparisonName,
  type Condition,
  type ConditionSpec,
  type Detection,
  defineCondition,
  type Image,
  type MapComparison,
} from "./condition.js";
export type { ConditionNetwork, NetworkLook, NetworkSource } from "./condition-network.js";
export { parseOptions } from "./options.js";

// The seam to engines
export {
  compiles,
  type JitEngine,
  type JitOptions,
  type Jitted,
  jit,
  type Precision,
  registerJitEngine,
  type TreeFunction,
} from "./jit.js";
export {
  type ComposedKernel,
  composedKernel,
  defineKernel,
  type KernelAttributes,
  type KernelSpec,
  type LazyGradients,
} from "./kernel.js";
export {
  registerWeightLoader,
  type StoredWeights,
  type WeightLoader,
  weightLoader,
} from "./weight-loader.js";
export { completeWasmKernels } from "./wasm-kernels.js";

// Errors and what they say
export {
  assertShape,
  ControlNetError,
  didYouMean,
  type ErrorCode,
  isControlNetError,
  nearestName,
  unknownName,
} from "./errors.js";
export { visible, visibleLine } from "./visible.js";
export { crc32 } from "./crc32.js";
