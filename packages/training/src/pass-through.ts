import { leavesOf, treeLike } from "@controlnet-js/core";
import { type Tensor, tensor } from "@tensorflow/tfjs-core";

/** Convolutions that bring the main path from one size or width to another. */
const onMainPath = /(convolutionIn|skip|resample|quantConvolution|postQuantConvolution)\.kernel$/i;
/** The last convolution of each residual branch. */
const endsBranch = /convolution2\.kernel$/;

/**
 * A new autoencoder that begins as a pass-through: every convolution of the main path also hands each channel on
 * (averaged where it shrinks the picture), and residual branches start small. From random weights alone, the colours of
 * small things take thousands of steps to arrive, since encoder and decoder must find them together.
 * @returns a tree of new tensors; the caller disposes both
 */
export function passThrough<P>(params: P): P {
  const leaves = leavesOf(params).map(({ path, value }): Tensor => {
    const values = Float32Array.from(value.dataSync());
    if (endsBranch.test(path))
      return tensor(
        values.map((x) => 0.2 * x),
        value.shape,
      );
    if (!onMainPath.test(path)) return tensor(values, value.shape);
    const [height, width, inChannels, outChannels] = value.shape as [number, number, number, number];
    const shrinks = /encoder.*resample/.test(path);
    for (let tap = 0; tap < height * width; tap++) {
      const centre = tap === Math.floor((height * width) / 2);
      const weight = shrinks ? 1 / (height * width) : centre ? 1 : 0;
      for (let c = 0; c < Math.min(inChannels, outChannels); c++)
        values[(tap * inChannels + c) * outChannels + c]! += weight;
    }
    return tensor(values, value.shape);
  });
  return treeLike(params, leaves);
}
