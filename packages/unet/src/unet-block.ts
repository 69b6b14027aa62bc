import {
  type ResidualBlock,
  type RunBlock,
  residualBlock,
  type SpatialTransformer,
  spatialTransformer,
} from "@controlnet-js/core";
import type { Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { UNetConfig } from "./config.js";

/** A residual block and, in levels that attend, a transformer: what is checkpointed as one. */
interface UNetBlock {
  residual: ResidualBlock;
  transformer?: SpatialTransformer | undefined;
}

/** What every block sees besides its feature map. */
interface Conditioning {
  /** [batch, 4 * channels[0]] */
  time: Tensor2D;
  /** [batch, tokens, contextChannels] */
  context: Tensor3D;
}

/** Runs blocks over feature maps [batch, height, width, channels]. */
export function unetBlock(
  { groups, normEpsilon: epsilon }: UNetConfig,
  conditioning: Conditioning,
  run: RunBlock,
) {
  return (h: Tensor4D, { residual, transformer }: UNetBlock, heads: number): Tensor4D => {
    if (!transformer)
      return run(
        ({ x, time }, params) => residualBlock(x, params, time, { groups, epsilon }),
        { x: h, time: conditioning.time },
        residual,
      );
    return run(
      ({ x, time, context }, params) => {
        const inner = residualBlock(x, params.residual, time, { groups, epsilon });
        return spatialTransformer(inner, params.transformer, context, { groups, heads });
      },
      { x: h, ...conditioning },
      { residual, transformer },
    );
  };
}
