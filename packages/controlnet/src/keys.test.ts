import { countParameters, shapeInitializer } from "@controlnet-js/core";
import { unetConfig } from "@controlnet-js/unet";
import { describe, expect, test } from "vitest";
import { controlNetConfig, controlNetConfigFromDiffusers, controlNetConfigToDiffusers } from "./config.js";
import { controlNetKeyRows } from "./keys.js";
import { createControlNetFrom } from "./params.js";

const sd15 = unetConfig();

test("diffusers' config.json goes both ways", () => {
  for (const globalPooling of [false, true]) {
    const own = { hintChannels: 4, hintWidths: [8, 16], globalPooling, reversedHint: globalPooling };
    const config = controlNetConfig(sd15, own);
    const json = controlNetConfigToDiffusers(config);
    expect(json.global_pool_conditions).toBe(globalPooling);
    expect(controlNetConfigFromDiffusers(json)).toEqual(config);
  }
  expect(() => controlNetConfigFromDiffusers({ global_pool_conditions: "yes" })).toThrow(
    /global_pool_conditions/,
  );
});

test("diffusers' config.json holds all of a U-Net's that ControlNetModel takes over", () => {
  const unusual = unetConfig({
    blocksPerLevel: [1, 2, 3, 2],
    decoderDepth: [2, 1, 1, 1],
    depth: [1, 1, 1, 2],
    contextOnly: [true, true, false, false],
    activation: "mish",
    scaleShift: true,
    middleScale: 1.5,
    inputKernel: 1,
    outputKernel: 5,
    downPadding: "down-right",
    centerInput: true,
    timeFeatures: 640,
    guidanceChannels: 256,
    timeActivations: ["silu", "gelu"],
  });
  // What diffusers' ControlNetModel does not take over from a U-Net.
  const { guidanceChannels, centerInput, timeActivations, ...shared } = unusual;
  const net = controlNetConfigFromDiffusers(controlNetConfigToDiffusers(controlNetConfig(unusual)));
  const { decoderDepth, outputKernel, ...encoder } = shared;
  expect(net.unet).toEqual(encoder);
});

describe("Stable Diffusion 1.5", () => {
  test("has the published number of parameters", () => {
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
  });
});
