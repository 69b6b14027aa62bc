import { type KeyRow, keyRows, renameBy, type TensorSource } from "@controlnet-js/checkpoints";
import { assertShape, ControlNetError, shapeInitializer } from "@controlnet-js/core";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { loadNetwork } from "../weights/load-network.js";
import type { ConvNextConfig, UperNetConfig } from "./config.js";
import { type ConvNext, convNext, createConvNext } from "./convnext.js";
import { type UperNetHead, uperNetHead, uperNetHeadRows } from "./upernet-head.js";

/** The parameters of UPerNet on a ConvNeXt. */
export interface UperNet {
  backbone: ConvNext;
  head: UperNetHead;
}

/** What the training needed alone: the head that learns along, and counts of batches. */
const ignored = [/^auxiliary_head\./, /\.num_batches_tracked$/];

/**
 * Loads UPerNet from the weights of transformers' UperNetForSemanticSegmentation. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadUperNet = (source: TensorSource, config: UperNetConfig, where = "loadUperNet"): UperNet =>
  loadNetwork(
    source,
    {
      name: "upernet",
      rows: [...convNextRows("backbone", config.backbone), ...uperNetHeadRows("head", config)],
      ignore: ignored,
    },
    where,
  );

/** The rows of the key table for the backbone. */
function convNextRows(path: string, config: ConvNextConfig): KeyRow[] {
  const { widths, depths, outputs, hasLayerScale } = config;
  const stage = (i: number | string) => `backbone.encoder.stages.${i}`;
  const rename = renameBy([
    [/\.stem\.convolution$/, ".embeddings.patch_embeddings"],
    [/\.stem\.norm$/, ".embeddings.layernorm"],
    [/\.norms\.(\d+)$/, (_, i) => `.hidden_states_norms.${stageName(outputs[Number(i)]!)}`],
    [/^.*\.stages\.(\d+)/, (_, i) => stage(i!)],
    [/\.down\.norm$/, ".downsampling_layer.0"],
    [/\.down\.convolution$/, ".downsampling_layer.1"],
    [/\.blocks\.(\d+)/, ".layers.$1"],
    [/\.depthwise$/, ".dwconv"],
    [/(\.layers\.\d+)\.norm$/, "$1.layernorm"],
    [/\.expand$/, ".pwconv1"],
    [/\.contract$/, ".pwconv2"],
  ]);
  // Every leaf but the layer scales is a module's weight or bias.
  const modules = createConvNext(shapeInitializer, "", { ...config, hasLayerScale: false });
  const layerScales = depths.flatMap((depth, i) =>
    Array.from(
      { length: hasLayerScale ? depth : 0 },
      (_, j): KeyRow => ({
        path: `${path}.stages.${i}.blocks.${j}.layerScale`,
        key: `${stage(i)}.layers.${j}.layer_scale_parameter`,
        layout: "plain",
        shape: [widths[i]!],
      }),
    ),
  );
  return [...keyRows({ [path]: modules }, rename), ...layerScales];
}

const stageName = (stage: number): string => (stage === 0 ? "stem" : `stage${stage}`);

/**
 * The logits [batch, height / 4, width / 4, classes] of an RGB picture [batch, height, width, 3], normalised as its
 * processor does; 4 is the published patch, sizes are rounded down. transformers enlarges them to the picture's size.
 * @throws ControlNetError `shape` for a picture that is too small for the deepest stage
 */
export function uperNet(params: UperNet, config: UperNetConfig, picture: Tensor4D): Tensor4D {
  assertShape("uperNet: picture", picture.shape, [null, null, null, 3]);
  assertLargeEnough(config.backbone, picture);
  return uperNetHead(params.head, config, convNext(params.backbone, config.backbone, picture));
}

/** Every stage but the first halves what the patches make of the picture; something has to be left. */
function assertLargeEnough({ patch, widths }: ConvNextConfig, { shape }: Tensor4D): void {
  const [height, width] = patch.map((side) => side * 2 ** (widths.length - 1)) as [number, number];
  if (shape[1] < height || shape[2] < width)
    throw new ControlNetError(
      "shape",
      `uperNet: expected a picture of at least ${width}x${height}, got ${shape[2]}x${shape[1]}`,
    );
}
