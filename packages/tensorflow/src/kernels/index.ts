import { type ConvolutionMode, registerConvolutions } from "../convolution/kernels.js";
import { registerAdamW } from "./adam-w.js";
import { registerGather } from "./gather.js";
import { registerMatrixProduct } from "./matrix-product.js";
import { registerMissingKernels } from "./missing.js";
import { registerReluGradients } from "./relu.js";
import { registerRunAfter } from "./run-after.js";

let registered = false;

/** Registers, once, the kernels that tfjs-node lacks or does badly. */
export function registerExtraKernels(convolution: ConvolutionMode): void {
  if (registered) return;
  registered = true;
  registerMissingKernels();
  registerGather();
  registerConvolutions(convolution);
  registerAdamW();
  registerRunAfter();
  registerMatrixProduct();
  registerReluGradients();
}
