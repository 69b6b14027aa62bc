import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { type RandomKey, randomNormals } from "./random.js";

/** A standard normal tensor of `shape` for one key. The caller disposes it. */
export function randomNormalTensor(key: RandomKey, shape: number[]): Tensor {
  return tensor(
    randomNormals(
      key,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
    "float32",
  );
}
