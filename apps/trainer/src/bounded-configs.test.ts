import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openControlNet, openPipeline } from "@controlnet-js/models/node";
import { findCondition } from "@controlnet-js/preprocessors";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openCondition } from "./conditions/open-condition.js";
import { readModelYaml } from "./models/read-model-yaml.js";
import { writeTinyBase } from "./testing/tiny-base.js";
import { readTrainConfig } from "./train-config.js";

beforeAll(useCpuBackend);

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bounded-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Changes some keys of a JSON file. */
function change(path: string, keys: Record<string, unknown>): void {
  const json = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...json, ...keys }));
}

describe("a config whose numbers would decide how long reading takes is refused by its key", () => {
  test.each([
    ["unet/config.json", "layers_per_block", 1e8],
    ["unet/config.json", "layers_per_block", [1e8, 1]],
    ["unet/config.json", "block_out_channels", [1e12, 8]],
    ["unet/config.json", "transformer_layers_per_block", 1e8],
    ["unet/config.json", "conv_in_kernel", 1_000_001],
    ["vae/config.json", "layers_per_block", 1e8],
    ["vae/config.json", "block_out_channels", Array.from({ length: 1e5 }, () => 4)],
    ["text_encoder/config.json", "num_hidden_layers", 1e8],
    ["text_encoder/config.json", "hidden_size", 1e12],
    ["scheduler/scheduler_config.json", "num_train_timesteps", 1e10],
  ])("%s: %s", async (file, key, value) => {
    await writeTinyBase(at("base"));
    change(at(`base/${file}`), { [key]: value });
    const error = await openPipeline(at("base")).then(
      () => undefined,
      (refused: Error) => refused,
    );
    expect(error).toMatchObject({ name: "ControlNetError" });
    expect(error!.message).toMatch(key === "num_train_timesteps" ? /timesteps/i : new RegExp(key));
    expect(error!.message.length).toBeLessThan(2000);
  });

  test.each([
    ["layers_per_block", 1e8],
    ["conditioning_channels", 1e12],
    ["conditioning_embedding_out_channels", Array.from({ length: 1e5 }, () => 4)],
  ])("a ControlNet's %s", async (key, value) => {
    cpSync(new URL("../../../packages/models/fixtures/edges", import.meta.url), at("net"), {
      recursive: true,
    });
    change(at("net/config.json"), { [key]: value });
    await expect(openControlNet(at("net"))).rejects.toMatchObject({ name: "ControlNetError" });
    await expect(openControlNet(at("net"))).rejects.toThrow(key);
  });
});

describe("YAML", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    .concat(
      ..."bcdefghi"
        .split("")
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(", ")}]`),
    )
    .join("\n");

  test("whose aliases multiply it is refused in one sentence", () => {
    writeFileSync(at("bomb.yaml"), bomb);
    for (const read of [readTrainConfig, readModelYaml])
      expect(() => read(at("bomb.yaml"))).toThrow(
        expect.objectContaining({ name: "ControlNetError", message: expect.stringMatching(/alias/i) }),
      );
  });

  test("of more than a config's size is refused", () => {
    writeFileSync(at("long.yaml"), `a: ${"x".repeat(70_000)}`);
    for (const read of [readTrainConfig, readModelYaml])
      expect(() => read(at("long.yaml"))).toThrow(expect.objectContaining({ code: "io" }));
  });

  test("whose keys are names of the prototype changes none", () => {
    writeFileSync(at("proto.yaml"), "__proto__: { polluted: 1 }\nconstructor: 2\ntask: controlnet\n");
    expect(() => readTrainConfig(at("proto.yaml"))).toThrow(expect.objectContaining({ code: "config" }));
    expect(() =>
      readTrainConfig(at("proto.yaml"), ["__proto__.polluted=1", "constructor.prototype.polluted=1"]),
    ).toThrow(expect.objectContaining({ code: "config" }));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("names that every object has", () => {
  test.each(["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])(
    "%s is no condition",
    async (name) => {
      expect(() => findCondition(name)).toThrow(expect.objectContaining({ name: "ControlNetError" }));
      await expect(openCondition(name as never)).rejects.toMatchObject({ name: "ControlNetError" });
    },
  );
});
