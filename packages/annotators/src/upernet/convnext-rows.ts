import { type KeyRow, keyRows, renameBy } from "@controlnet-js/checkpoints";
import { shapeInitializer } from "@controlnet-js/core";
import { type ConvNextConfig, stageName } from "./backbone-config.js";
import { createConvNext } from "./convnext.js";

/** The rows of the key table for a ConvNeXt at `path`, as transformers names it. */
export function convNextRows(path: string, config: ConvNextConfig): KeyRow[] {
  const { widths, depths, outputs, hasLayerScale } = config;
  const rename = renameBy([
    [/\.stem\.convolution$/, ".embeddings.patch_embeddings"],
    [/\.stem\.norm$/, ".embeddings.layernorm"],
    [/\.norms\.(\d+)$/, (_, i) => `.hidden_states_norms.${stageName(outputs[Number(i)]!)}`],
    [/\.stages\./, ".encoder.stages."],
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
    Array.from({ length: hasLayerScale ? depth : 0 }, (_, j): KeyRow => {
      const block = `${path}.stages.${i}.blocks.${j}`;
      return {
        path: `${block}.layerScale`,
        key: `${rename(block)}.layer_scale_parameter`,
        layout: "plain",
        shape: [widths[i]!],
      };
    }),
  );
  return [...keyRows({ [path]: modules }, rename), ...layerScales];
}
