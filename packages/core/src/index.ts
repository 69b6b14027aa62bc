export * from "./blocks/residual-block.js";
export * from "./blocks/spatial-transformer.js";
export * from "./condition.js";
export type { ConditionNetwork, NetworkLook, NetworkSource } from "./condition-network.js";
export { crc32 } from "./crc32.js";
export * from "./errors.js";
export * from "./initializer.js";
export * from "./jit.js";
export * from "./kernel.js";
export * from "./kernels/adam-w-update.js";
export * from "./kernels/run-after.js";
export type { Model } from "./model.js";
export * from "./ops/activations.js";
export {
  type Attention,
  attention,
  createAttention,
  mergeHeads,
  multiHeadAttention,
  splitHeads,
} from "./ops/attention.js";
export * from "./ops/convolution.js";
export * from "./ops/group-norm.js";
export * from "./ops/layer-norm.js";
export * from "./ops/linear.js";
export * from "./ops/resample.js";
export * from "./ops/timestep-embedding.js";
export * from "./ops/zero-convolution.js";
export { parseOptions } from "./options.js";
export * from "./random.js";
export * from "./random-tensor.js";
export * from "./rematerialize.js";
export * from "./run-block.js";
export * from "./tree.js";
export * from "./visible.js";
export * from "./wasm-kernels.js";
export * from "./weight-loader.js";
