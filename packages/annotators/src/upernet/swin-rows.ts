import { type KeyRow, keyRows, renameBy } from "@controlnet-js/checkpoints";
import { shapeInitializer } from "@controlnet-js/core";
import { type SwinConfig, stageName } from "./backbone-config.js";
import { biasTableShape, createSwin } from "./swin.js";

/** The rows of the key table for a Swin at `path`, as transformers' files name it. */
export function swinRows(path: string, config: SwinConfig): KeyRow[] {
  const { depths, outputs } = config;
  const rename = renameBy([
    [/\.stem\.convolution$/, ".embeddings.patch_embeddings.projection"],
    [/\.stem\.norm$/, ".embeddings.norm"],
    [/\.norms\.(\d+)$/, (_, i) => `.hidden_states_norms.${stageName(outputs[Number(i)]!)}`],
    [/\.stages\.(\d+)/, ".encoder.layers.$1"],
    [/\.down\.norm$/, ".downsample.norm"],
    [/\.down\.linear$/, ".downsample.reduction"],
    [/\.(query|key|value)$/, ".attention.self.$1"],
    [/\.joined$/, ".attention.output.dense"],
    [/\.norm1$/, ".layernorm_before"],
    [/\.norm2$/, ".layernorm_after"],
    [/\.expand$/, ".intermediate.dense"],
    [/\.contract$/, ".output.dense"],
  ]);
  const tables = depths.flatMap((depth, i) =>
    Array.from({ length: depth }, (_, j): KeyRow => {
      const block = `${path}.stages.${i}.blocks.${j}`;
      return {
        path: `${block}.biasTable`,
        key: `${rename(block)}.attention.self.relative_position_bias_table`,
        layout: "plain",
        shape: biasTableShape(config, i),
      };
    }),
  );
  // Every leaf but the tables is a module's weight or bias.
  return [...keyRows({ [path]: createSwin(shapeInitializer, "", config, false) }, rename), ...tables];
}

/** The names that version 5 of transformers has in memory, and its plain PyTorch files with it, as its folders have them. */
export const swinRename = renameBy([
  [/^backbone\.swin\.(embeddings|encoder)\./, "backbone.$1."],
  [/\.attention\.q_proj\./, ".attention.self.query."],
  [/\.attention\.k_proj\./, ".attention.self.key."],
  [/\.attention\.v_proj\./, ".attention.self.value."],
  [/\.attention\.o_proj\./, ".attention.output.dense."],
  [/\.attention\.relative_position_bias\./, ".attention.self."],
  [/\.mlp\.fc1\./, ".intermediate.dense."],
  [/\.mlp\.fc2\./, ".output.dense."],
]);
