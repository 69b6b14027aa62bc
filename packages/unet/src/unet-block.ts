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
  /** [batch, time features] */
  time: Tensor2D;
  /** [batch, tokens, contextChannels] */
  context: Tensor3D;
}

/** What differs between the levels. */
interface BlockOptions {
  heads: number;
  /** Whether the transformer looks at the text alone. */
  contextOnly?: boolean;
  /** Divides what the residual block gives. */
  outputScale?: number | undefined;
}

/** Runs blocks over feature maps [batch, height, width, channels]. */
export function unetBlock(
  { groups, normEpsilon: epsilon, activation = "silu" }: UNetConfig,
  conditioning: Conditioning,
  run: RunBlock,
) {
  return (h: Tensor4D, { residual, transformer }: UNetBlock, options: BlockOptions): Tensor4D => {
    const { heads, contextOnly, outputScale = 1 } = options;
    const shape = { groups, epsilon, activation, outputScale };
    if (!transformer)
      return run(
        ({ x, time }, params) => residualBlock(x, params, time, shape),
        { x: h, time: conditioning.time },
        residual,
      );
    return run(
      ({ x, time, context }, params) => {
        const inner = residualBlock(x, params.residual, time, shape);
        return spatialTransformer(inner, params.transformer, context, { groups, heads, contextOnly });
      },
      { x: h, ...conditioning },
      { residual, transformer },
    );
  };
}
