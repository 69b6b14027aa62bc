import { countParameters, shapeInitializer } from "@controlnet-js/core";
import { createUNet, unetConfig, unetKeyRows } from "@controlnet-js/unet";
import { describe, expect, test } from "vitest";
import { controlNetConfig, controlNetConfigFromDiffusers, controlNetConfigToDiffusers } from "./config.js";
import { controlNetKeyRows } from "./keys.js";
import { createControlNetFrom } from "./params.js";

const sd15 = unetConfig();

test("diffusers' config.json goes both ways", () => {
  for (const globalPooling of [false, true]) {
    const config = controlNetConfig(sd15, { hintChannels: 4, hintWidths: [8, 16], globalPooling });
    const json = controlNetConfigToDiffusers(config);
    expect(json.global_pool_conditions).toBe(globalPooling);
    expect(controlNetConfigFromDiffusers(json)).toEqual(config);
  }
  expect(() => controlNetConfigFromDiffusers({ global_pool_conditions: "yes" })).toThrow(
    /global_pool_conditions/,
  );
});

describe("Stable Diffusion 1.5", () => {
  test("has the published number of parameters", () => {
    expect(countParameters(createUNet(sd15, shapeInitializer))).toBe(859_520_964);
    expect(countParameters(createControlNetFrom(controlNetConfig(sd15), shapeInitializer))).toBe(361_279_120);
  });

  test("has the published keys", () => {
    const ldm = controlNetKeyRows(controlNetConfig(sd15), "ldm").map((row) => row.key);
    for (const key of [
      "zero_convs.11.0.weight",
      "input_hint_block.0.weight",
      "input_hint_block.14.bias",
      "time_embed.0.weight",
      "middle_block_out.0.bias",
      "input_blocks.3.0.op.weight",
      "input_blocks.11.0.out_layers.3.weight",
      "input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
      "middle_block.1.proj_in.weight",
    ])
      expect(ldm).toContain(key);
    const unet = unetKeyRows(sd15, "ldm").map((row) => row.key);
    for (const key of [
      "output_blocks.2.1.conv.weight",
      "output_blocks.5.2.conv.weight",
      "output_blocks.11.1.transformer_blocks.0.ff.net.0.proj.weight",
      "output_blocks.0.0.skip_connection.weight",
      "out.2.weight",
    ])
      expect(unet).toContain(key);
    expect(new Set(unet).size).toBe(unet.length);
  });
});
