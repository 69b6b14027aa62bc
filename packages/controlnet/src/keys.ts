import { type KeyRow, keyRows, renameBy } from "@controlnet-js/checkpoints";
import { shapeInitializer } from "@controlnet-js/core";
import { encoderKeyRows, type UNetKeys } from "@controlnet-js/unet";
import type { ControlNetConfig } from "./config.js";
import { createControlNetFrom } from "./params.js";

const diffusersName = renameBy([
  [/^hint\.input$/, "controlnet_cond_embedding.conv_in"],
  [/^hint\.output$/, "controlnet_cond_embedding.conv_out"],
  [/^hint\.blocks\./, "controlnet_cond_embedding.blocks."],
  [/^links\.skips\./, "controlnet_down_blocks."],
  [/^links\.middle$/, "controlnet_mid_block"],
]);

/** The hint encoder is a sequence in which every second entry is an activation. */
const ldmName = (config: ControlNetConfig) =>
  renameBy([
    [/^hint\.input$/, "input_hint_block.0"],
    [/^hint\.output$/, `input_hint_block.${4 * config.hintWidths.length - 2}`],
    [/^hint\.blocks\.(\d+)$/, (_, i) => `input_hint_block.${2 * (Number(i) + 1)}`],
    [/^links\.skips\.(\d+)$/, "zero_convs.$1.0"],
    [/^links\.middle$/, "middle_block_out.0"],
  ]);

/** The reversible key table of a ControlNet, without prefix (`control_model.` in a full LDM file). */
export function controlNetKeyRows(config: ControlNetConfig, keys: UNetKeys): KeyRow[] {
  const { hint, links } = createControlNetFrom(config, shapeInitializer).params;
  const copy = encoderKeyRows(config.unet, keys).map((row) => ({ ...row, path: `copy.${row.path}` }));
  return [...keyRows({ hint, links }, keys === "ldm" ? ldmName(config) : diffusersName), ...copy];
}
