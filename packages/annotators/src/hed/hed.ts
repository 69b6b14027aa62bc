import { type KeyRow, keyRows, type TensorSource } from "@controlnet-js/checkpoints";
import {
  type Convolution,
  convolution,
  createConvolution,
  type Initializer,
  join,
  shapeInitializer,
} from "@controlnet-js/core";
import { maxPool, reshape, sub, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { type Chain, createChain, type Layer, runChain } from "../layers/chain.js";
import { loadNetwork } from "../weights/load-network.js";

/** The parameters of HED in the form of ControlNet: VGG-16's five blocks, each with a projection to edges. */
export interface Hed<L = Tensor> {
  /** [1, 3, 1, 1], subtracted from the picture. */
  mean: L;
  blocks: { convolutions: Chain<L>; projection: Convolution<L> }[];
}

const widths = [64, 128, 256, 512, 512];
const depths = [2, 2, 3, 3, 3];

function createBlocks<L>(init: Initializer<L>): Hed<L>["blocks"] {
  return widths.map((width, i) => {
    const path = join("blocks", i);
    const layers = Array.from({ length: depths[i]! }, (_, j): Layer => {
      const before = i === 0 ? 3 : widths[i - 1]!;
      return [j === 0 ? before : width, width, 3];
    });
    return {
      convolutions: createChain(init, join(path, "convolutions"), layers),
      projection: createConvolution(init, join(path, "projection"), width, 1, 1),
    };
  });
}

/**
 * Loads HED from the weights that ControlNet publishes as `ControlNetHED.pth`. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export function loadHed(source: TensorSource, where = "loadHed"): Hed {
  const blocks = keyRows({ blocks: createBlocks(shapeInitializer) }, (path) =>
    path.replace(/^blocks\.(\d)/, (_, i: string) => `block${Number(i) + 1}`).replace("convolutions", "convs"),
  );
  const mean: KeyRow = { path: "mean", key: "norm", layout: "plain", shape: [1, 3, 1, 1] };
  return loadNetwork(source, { name: "hed", rows: [mean, ...blocks] }, where);
}

/**
 * The five side outputs for an RGB picture [batch, height, width, 3] in [0, 255]: logits of edges, [batch, height / 2^i,
 * width / 2^i, 1] (Xie and Tu, 2015; ControlNet 1.1 `annotator/hed`).
 */
export function hed(params: Hed, picture: Tensor4D): Tensor4D[] {
  let h: Tensor4D = sub(picture, reshape(params.mean, [1, 1, 1, 3]));
  return params.blocks.map(({ convolutions, projection }, i) => {
    h = runChain(i === 0 ? h : maxPool(h, 2, 2, "valid"), convolutions);
    return convolution(h, projection);
  });
}
