import { type ConvolutionMode, registerConvolutions } from "../convolution/kernels.js";
import { registerActivations } from "./activations.js";
import { registerAdamW } from "./adam-w.js";
import { registerAttention } from "./attention.js";
import { registerGather } from "./gather.js";
import { registerGroupNorm } from "./group-norm.js";
import { registerLayerNorm } from "./layer-norm.js";
import { registerMatrixProduct } from "./matrix-product.js";
import { registerMissingKernels } from "./missing.js";
import { registerReluGradients } from "./relu.js";
import { registerRunAfter } from "./run-after.js";

let registered = false;

/**
 * Registers, once, the kernels that tfjs-node lacks or does badly.
 * @param ownOps whether to use ops of the addon, which has kernels for the CPU only
 */
export function registerExtraKernels(convolution: ConvolutionMode, ownOps: boolean): void {
  if (registered) return;
  registered = true;
  registerMissingKernels();
  registerGather();
  registerConvolutions(convolution);
  registerAdamW();
  registerRunAfter();
  registerMatrixProduct();
  registerReluGradients();
  if (ownOps) {
    registerGroupNorm();
    registerLayerNorm();
    registerActivations();
    registerAttention();
  }
}
