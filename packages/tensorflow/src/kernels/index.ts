import { registerGather } from "./gather.js";
import { registerMissingKernels } from "./missing.js";

let registered = false;

/** Registers, once, the kernels that tfjs-node lacks or does badly. */
export function registerExtraKernels(): void {
  if (registered) return;
  registered = true;
  registerMissingKernels();
  registerGather();
}
