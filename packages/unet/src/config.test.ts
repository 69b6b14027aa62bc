import { countParameters, shapeInitializer } from "@controlnet-js/core";
import { describe, expect, test } from "vitest";
import {
  createUNet,
  unetConfig,
  unetConfigFromDiffusers,
  unetConfigToDiffusers,
  unetKeyRows,
} from "./index.js";

const sd15 = unetConfig();

test("levels that are alike are told by one number, in whichever way they were given", () => {
  const alike = unetConfig({ blocksPerLevel: [1, 1, 1, 1], depth: [3, 3, 3, 3] });
  expect(alike).toEqual(unetConfig({ blocksPerLevel: 1, depth: 3 }));
  const json = { ...unetConfigToDiffusers(alike), layers_per_block: [1, 1, 1, 1] };
  expect(unetConfigFromDiffusers(json)).toEqual(alike);
  expect(unetConfig({ blocksPerLevel: [1, 2, 1, 1] }).blocksPerLevel).toEqual([1, 2, 1, 1]);
});

test("a list for another number of levels is refused, alike or not", () => {
  expect(() => unetConfig({ blocksPerLevel: [2, 2] })).toThrow(
    "expected blocksPerLevel for each of 4 levels, got 2: 2, 2",
  );
});

test("a U-Net's config.json goes both ways, whatever it says", () => {
  const config = unetConfig({
    channels: [15, 30],
    groups: 5,
    attention: [false, true],
    decoderAttention: [true, true],
    heads: [3, 2],
    depth: [1, 2],
    middle: "none",
    normEpsilon: 1e-3,
    cosineFirst: false,
    frequencyShift: 1,
  });
  expect(unetConfigFromDiffusers(unetConfigToDiffusers(config))).toEqual(config);
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
  expect(unetConfigFromDiffusers(unetConfigToDiffusers(unusual))).toEqual(unusual);
  expect(unetConfigFromDiffusers(unetConfigToDiffusers(sd15))).toEqual(sd15);
  // Heads that don't divide their channels leave some out, as in diffusers; asked for here, they are a mistake.
  const uneven = unetConfigFromDiffusers({ ...unetConfigToDiffusers(sd15), attention_head_dim: 7 });
  expect(uneven).toMatchObject({ heads: [7, 7, 7, 7], unevenHeads: true });
  expect(unetConfigFromDiffusers(unetConfigToDiffusers(uneven))).toEqual(uneven);
  expect(() => unetConfig({ heads: [7, 7, 7, 7] })).toThrow(/attention heads/);
  // Lists of the same are one number; heads matter only where something attends; what changes nothing here is let be.
  const json = {
    ...unetConfigToDiffusers(
      unetConfig({ channels: [32, 48], groups: 16, attention: [true, false], heads: [8, 8] }),
    ),
    layers_per_block: [2, 2],
    cross_attention_dim: [768, 768],
    transformer_layers_per_block: [1, 1],
    sample_size: [64, 96],
    act_fn: "swish",
    time_embedding_dim: 128,
    upcast_attention: true,
    resnet_skip_time_act: true,
  };
  expect(unetConfigFromDiffusers(json)).toMatchObject({
    blocksPerLevel: 2,
    contextChannels: 768,
    depth: 1,
    sampleSize: 96,
  });
});

test.each([
  ["only_cross_attention", [false, true]],
  ["downsample_padding", 2],
  ["mid_block_scale_factor", 0],
  ["transformer_layers_per_block", [1, [1, 2], 1, 1]],
  ["mid_block_type", "UNetMidBlock2DSimpleCrossAttn"],
  ["timestep_post_act", "tanh"],
  ["time_embedding_type", "fourier"],
  ["resnet_time_scale_shift", "ada_group"],
  ["class_embed_type", "timestep"],
  ["num_class_embeds", 10],
  ["encoder_hid_dim", 20],
  ["conv_in_kernel", 4],
  ["act_fn", "tanh"],
  ["layers_per_block", [1, 2]],
  ["cross_attention_dim", [768, 768, 768, 1024]],
  ["up_block_types", ["UpBlock2D", "UpBlock2D", "UpBlock2D", "AttnUpBlock2D"]],
  ["attention_head_dim", [8, 8]],
  ["norm_eps", "small"],
])("%s %j is refused by name", (key, value) => {
  expect(() => unetConfigFromDiffusers({ ...unetConfigToDiffusers(sd15), [key]: value })).toThrow(
    expect.objectContaining({ message: expect.stringContaining(key) }),
  );
});

describe("Stable Diffusion 1.5", () => {
  test("has the published number of parameters", () => {
    expect(countParameters(createUNet(sd15, shapeInitializer))).toBe(859_520_964);
  });

  test("has the published keys", () => {
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
