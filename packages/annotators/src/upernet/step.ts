import { type Tensor, tidy } from "@tensorflow/tfjs-core";

/**
 * Runs a part of a network that is not trained: what it makes on the way is freed at its end, and so is what it alone
 * was given.
 * @param used tensors that nothing needs afterwards
 */
export function step<T extends Tensor>(used: readonly Tensor[], run: () => T): T {
  try {
    return tidy(run);
  } finally {
    for (const tensor of used) tensor.dispose();
  }
}
