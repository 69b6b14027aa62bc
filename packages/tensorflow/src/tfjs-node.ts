/**
 * The JavaScript half of tfjs-node: its backend class, and its kernels, which register themselves when this module is
 * first loaded. The build holds a copy: installing that package would run its install script, which downloads the
 * TensorFlow of 2022 and compiles an addon for it.
 */
import "@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js";

export { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
