import type { KeyRow, TensorSource } from "@controlnet-js/checkpoints";
import { assertShape, ControlNetError } from "@controlnet-js/core";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { loadNetwork } from "../weights/load-network.js";
import type { BackboneConfig, ConvNextConfig } from "./backbone-config.js";
import type { UperNetConfig } from "./config.js";
import { type ConvNext, convNext } from "./convnext.js";
import { convNextRows } from "./convnext-rows.js";
import { type Swin, swin } from "./swin.js";
import { swinRename, swinRows } from "./swin-rows.js";
import { type UperNetHead, uperNetHead, uperNetHeadRows } from "./upernet-head.js";

/** The parameters of a UPerNet. */
export interface UperNet {
  /** Of the kind that the config says. */
  backbone: ConvNext | Swin;
  head: UperNetHead;
}

/** What the training needed alone, what nothing reads, and what is computed here. */
const ignored = [
  /^auxiliary_head\./,
  /\.num_batches_tracked$/,
  /^backbone\.swin\.layernorm\./,
  /\.relative_position_index$/,
];

/**
 * Loads UPerNet from the weights of transformers' UperNetForSemanticSegmentation. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadUperNet = (source: TensorSource, config: UperNetConfig, where = "loadUperNet"): UperNet =>
  loadNetwork(
    source,
    {
      name: "upernet",
      rows: [...backboneRows("backbone", config.backbone), ...uperNetHeadRows("head", config)],
      rename: config.backbone.kind === "swin" ? swinRename : (name) => name,
      ignore: ignored,
    },
    where,
  );

const backboneRows = (path: string, config: BackboneConfig): KeyRow[] =>
  config.kind === "swin" ? swinRows(path, config) : convNextRows(path, config);

/**
 * The logits [batch, height / 4, width / 4, classes] of an RGB picture [batch, height, width, 3], normalised as its
 * processor does; 4 is the published patch. A ConvNeXt rounds sizes down, a Swin up. transformers enlarges the logits to
 * the picture's size.
 * @throws ControlNetError `shape` for a picture that is too small for the deepest stage
 */
export function uperNet({ backbone, head }: UperNet, config: UperNetConfig, picture: Tensor4D): Tensor4D {
  assertShape("uperNet: picture", picture.shape, [null, null, null, 3]);
  const { backbone: kind } = config;
  if (kind.kind === "swin") return uperNetHead(head, config, swin(backbone as Swin, kind, picture));
  assertLargeEnough(kind, picture);
  return uperNetHead(head, config, convNext(backbone as ConvNext, kind, picture));
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
