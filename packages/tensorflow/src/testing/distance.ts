import type * as tf from "@tensorflow/tfjs-core";

/** The largest difference, against what is usual in `expected`. */
export function distance(actual: tf.Tensor, expected: ArrayLike<number>): number {
  const values = actual.dataSync();
  let largest = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    // A NaN must not pass as a small difference.
    const difference = Math.abs(values[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
    squares += expected[i]! ** 2;
  }
  return largest / Math.max(Math.sqrt(squares / values.length), 1e-3);
}

/** Whether two tensors agree in every bit. */
export const sameBits = (a: tf.Tensor, b: tf.Tensor): boolean =>
  Buffer.compare(...([a, b].map((t) => Buffer.from(t.dataSync().buffer)) as [Buffer, Buffer])) === 0;
