import { layerNorm, multiHeadAttention } from "@controlnet-js/core";
import {
  add,
  concat,
  conv2d,
  reshape,
  type Tensor3D,
  type Tensor4D,
  tidy,
  tile,
} from "@tensorflow/tfjs-core";
import type { BlipVisionConfig } from "./config.js";
import { feedForward } from "./feed-forward.js";
import type { BlipVision } from "./parameters.js";

/**
 * What the network that sees makes of pictures [batch, imageSize, imageSize, 3], normalised: features of the picture and of
 * each patch, row by row.
 * @returns [batch, 1 + patches, hiddenSize]; the caller disposes it
 */
export function embedPicture(params: BlipVision, config: BlipVisionConfig, pixels: Tensor4D): Tensor3D {
  const { heads, epsilon, activation, hiddenSize } = config;
  return tidy(() => {
    const { kernel, bias } = params.patch;
    const batch = pixels.shape[0];
    const patches = add(conv2d(pixels, kernel as Tensor4D, config.patchSize, "valid"), bias);
    const whole = tile(params.classEmbedding as Tensor3D, [batch, 1, 1]);
    let h: Tensor3D = add(
      concat([whole, reshape(patches, [batch, -1, hiddenSize])], 1),
      params.positionEmbedding,
    );
    for (const { norm1, attention, norm2, feedForward: layer } of params.layers) {
      h = add(h, multiHeadAttention(layerNorm(h, norm1, epsilon), attention, heads));
      h = add(h, feedForward(layerNorm(h, norm2, epsilon), layer, activation));
    }
    return layerNorm(h, params.normOut, epsilon);
  });
}
