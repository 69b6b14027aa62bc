import type { Tensor } from "@tensorflow/tfjs-core";
import { randomNormalTensor } from "../random-tensor.js";

/** A standard normal tensor for tests, the same at every call with the same arguments. */
export const randomTensor = <T extends Tensor>(shape: number[], index = 0): T =>
  randomNormalTensor({ seed: 1, purpose: `test [${shape}]`, index }, shape) as T;
