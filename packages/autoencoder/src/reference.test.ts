import { readFileSync } from "node:fs";
import { exportTree, loadTree, parseSafetensors, toFloat32 } from "@controlnet-js/checkpoints";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type AutoencoderParams,
  autoencoderConfig,
  autoencoderConfigFromDiffusers,
  autoencoderConfigFromLdm,
  autoencoderConfigToDiffusers,
  autoencoderKeyRows,
  autoencoderKeysOf,
  createAutoencoder,
  decodeLatents,
  decodeTiled,
  downscaling,
  encodeImages,
  encodeTiled,
  klDivergence,
} from "./index.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

beforeAll(useCpuBackend);

describe.each(["three-levels", "wide-latent", "no-attention"])("diffusers' %s", (name) => {
  const source = parseSafetensors(fixture(`${name}.safetensors`));
  const config = autoencoderConfigFromDiffusers(JSON.parse(source.metadata.config!));
  const rows = autoencoderKeyRows(config, "diffusers");
  /** A tensor of the fixture, as NHWC. */
  const io = (key: string): tf.Tensor4D => {
    const found = source.get(key);
    return tf.transpose(
      tf.tensor4d(toFloat32(found), found.shape as [number, number, number, number]),
      [0, 2, 3, 1],
    );
  };

  test("gives the same moments, divergence and pictures", () =>
    tf.tidy(() => {
      const params = loadTree<AutoencoderParams>(source, rows, { prefix: "vae." });
      const autoencoder = { params, config };
      const moments = encodeImages(autoencoder, io("in.images"));
      expectClose(moments.mean, io("out.mean"), 1e-4);
      expectClose(moments.logVariance, io("out.logVariance"), 1e-4);
      expectClose(klDivergence(moments), toFloat32(source.get("out.kl")), 1e-4);
      expectClose(decodeLatents(autoencoder, io("in.latents")), io("out.decoded"), 1e-4);
    }));

  test("gives the same in tiles", () =>
    tf.tidy(() => {
      const params = loadTree<AutoencoderParams>(source, rows, { prefix: "vae." });
      const autoencoder = { params, config };
      const tiles = { tileSize: 8, overlap: 8 / downscaling(config) < 4 ? 0.5 : 0.25 };
      expectClose(encodeTiled(autoencoder, io("in.images"), tiles).mean, io("out.tiledMean"), 1e-4);
      expectClose(decodeTiled(autoencoder, io("in.latents"), tiles), io("out.tiled"), 1e-4);
    }));

  test("survives its config and, bit for bit, each form of its keys", () => {
    expect(autoencoderConfigFromDiffusers(autoencoderConfigToDiffusers(config))).toEqual(config);
    const params = loadTree<AutoencoderParams>(source, rows, { prefix: "vae." });
    const autoencoder = { params, config };
    for (const keys of ["diffusers-old", "ldm", "diffusers"] as const) {
      const table = autoencoderKeyRows(config, keys);
      const exported = exportTree(params, table);
      const names = exported.map((entry) => entry.name);
      if (config.middleAttention) expect(autoencoderKeysOf(names)).toBe(keys);
      const byName = new Map(exported.map((entry) => [entry.name, entry]));
      const again = loadTree<AutoencoderParams>(
        { metadata: {}, names: () => names, get: (key) => byName.get(key)! },
        table,
      );
      for (const entry of exportTree(again, rows, { prefix: "vae." }))
        expect(Buffer.compare(entry.bytes(), source.get(entry.name).bytes()), entry.name).toBe(0);
      disposeTree(again);
    }
    disposeTree(autoencoder);
  });
});

test("the original code's names and shapes are those that diffusers' converter reads", () => {
  const pairs = JSON.parse(fixture("ldm.json").toString()) as Record<string, [string, number[]]>;
  const config = autoencoderConfig({ channels: [4, 8, 8], blocksPerLevel: 1, groups: 2 });
  const ours = new Map(autoencoderKeyRows(config, "ldm").map((row) => [row.path, row.key]));
  const autoencoder = createAutoencoder(config, randomInitializer(1));
  const shapes = new Map(
    exportTree(autoencoder.params, autoencoderKeyRows(config, "ldm")).map((e) => [e.name, e.shape]),
  );
  const theirs = autoencoderKeyRows(config, "diffusers");
  expect(theirs.map((row) => row.key).sort()).toEqual(Object.keys(pairs).sort());
  for (const row of theirs) {
    const [name, shape] = pairs[row.key]!;
    expect(`first_stage_model.${ours.get(row.path)}`).toBe(name);
    expect(shapes.get(ours.get(row.path)!), name).toEqual(shape);
  }
  disposeTree(autoencoder);
});

describe("configs of others", () => {
  test("Stable Diffusion's yaml gives the default config", () => {
    const ddconfig = { double_z: true, z_channels: 4, resolution: 256, in_channels: 3, out_ch: 3, ch: 128 };
    const whole = { ...ddconfig, ch_mult: [1, 2, 4, 4], num_res_blocks: 2, attn_resolutions: [], dropout: 0 };
    expect(autoencoderConfigFromLdm({ embed_dim: 4, ddconfig: whole })).toEqual(
      autoencoderConfig({ sampleSize: 256 }),
    );
    expect(() =>
      autoencoderConfigFromLdm({ embed_dim: 4, ddconfig: { ...whole, attn_resolutions: [16] } }),
    ).toThrow(/attention outside the middle/);
  });

  test("what is not built, unknown or of another model is refused by name", () => {
    expect(() => autoencoderConfigFromDiffusers({ _class_name: "AutoencoderTiny" })).toThrow(
      /expected an AutoencoderKL, got AutoencoderTiny/,
    );
    expect(() => autoencoderConfigFromDiffusers({ act_fn: "tanh" })).toThrow(/act_fn/);
    expect(() => autoencoderConfigFromDiffusers({ latent_chanels: 4 })).toThrow(
      /nearest known one is "latent_channels"/,
    );
  });
});
