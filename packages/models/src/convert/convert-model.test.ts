import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type NamedTensor, withDType, writeSafetensors } from "@controlnet-js/checkpoints";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../testing/fixtures.js";
import { convertModel } from "./convert-model.js";
import { inspectModel } from "./inspect-model.js";

interface Mapping {
  ldm: Record<string, number[]>;
  diffusers: Record<
    "unet" | "controlnet" | "autoencoder" | "text-encoder",
    Record<string, [number[], string]>
  >;
}
const mappings = JSON.parse(readFileSync(fixturePath("single-file/mapping.json"), "utf8")) as Record<
  string,
  Mapping
>;

/** As `pattern` in tooling/reference/convert_fixtures.py. */
function pattern(name: string, shape: number[]): NamedTensor {
  const bytes = new Uint8Array(2 * shape.reduce((a, b) => a * b, 1));
  const crc = crc32(name);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (((crc >>> (8 * (i % 4))) & 255) + 31 * i) % 251;
  return { name, dtype: "F16", shape, bytes: () => bytes };
}

let folder: string;
const at = (name: string) => join(folder, name);
const tensorsOf = (path: string) =>
  Object.fromEntries(
    inspectModel(path, { hash: true }).tensors.map(({ name, shape, sha256 }) => [
      name,
      [shape, sha256!.slice(0, 16)],
    ]),
  );
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "convert-"));
  for (const [title, { ldm }] of Object.entries(mappings))
    writeFileSync(
      at(`${title}.safetensors`),
      writeSafetensors(Object.entries(ldm).map(([name, shape]) => pattern(name, shape))),
    );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const folders = {
  unet: "unet",
  controlnet: "controlnet",
  autoencoder: "vae",
  "text-encoder": "text_encoder",
};

describe.each(Object.keys(mappings))("%s", (title) => {
  test("becomes in diffusers' form what diffusers' own converters make of it", async () => {
    const said: string[] = [];
    const out = at(`${title}-diffusers`);
    const report = await convertModel(at(`${title}.safetensors`), out, {
      to: "diffusers",
      log: (s) => said.push(s),
    });
    expect(report.leftOut).toBe(0);
    expect(said.join("\n")).toMatch(/no tokenizer written: .*vocab\.json/);
    for (const [part, wanted] of Object.entries(mappings[title]!.diffusers)) {
      const found = tensorsOf(join(out, folders[part as keyof typeof folders]));
      // diffusers' converter drops what nobody uses; here it is kept for the way back.
      for (const unused of ["logit_scale", "text_projection.weight"])
        if (!wanted[unused]) delete found[unused];
      expect(found).toEqual(wanted);
    }
  });

  test("comes back bit by bit", async () => {
    const back = at(`${title}-back.safetensors`);
    await convertModel(at(`${title}-diffusers`), back, { to: "ldm" });
    expect(tensorsOf(back)).toEqual(tensorsOf(at(`${title}.safetensors`)));
  });

  test.each(["unet", "control", "vae", "text"])("%s alone goes to diffusers and back", async (part) => {
    const [there, back, own] = ["there", "back", "own"].map((name) => at(`${title}-${part}-${name}`));
    await convertModel(at(`${title}.safetensors`), there!, { to: "diffusers", part });
    await convertModel(there!, `${back}.safetensors`, { to: "ldm" });
    await convertModel(at(`${title}.safetensors`), `${own}.safetensors`, { to: "ldm", part });
    expect(tensorsOf(`${back}.safetensors`)).toEqual(tensorsOf(`${own}.safetensors`));
  });
});

test("the control part of a whole file has bare names; its numbers are those of the file", async () => {
  const out = at("control.safetensors");
  await convertModel(at("like-sd1.safetensors"), out, { to: "ldm", part: "control" });
  const whole = Object.entries(tensorsOf(at("like-sd1.safetensors"))).filter(([name]) =>
    name.startsWith("control_model."),
  );
  const bare = Object.fromEntries(whole.map(([name, value]) => [name.slice("control_model.".length), value]));
  expect(tensorsOf(out)).toEqual(bare);
  expect(bare["zero_convs.0.0.weight"]).toBeDefined();
  expect(inspectModel(out)).toMatchObject({ kind: "controlnet", version: "custom" });
});

test("a PyTorch file's buffers go along; half precision is refused where it would overflow", async () => {
  const whole = fixturePath("single-file/whole.ckpt");
  await convertModel(whole, at("whole"), { to: "diffusers", tokenizer: fixturePath("tiny") });
  await convertModel(at("whole"), at("whole.safetensors"), { to: "ldm" });
  expect(tensorsOf(at("whole.safetensors"))).toEqual(tensorsOf(whole));

  const net = inspectModel(at("control.safetensors")).tensors.map(({ name, shape }): NamedTensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(size).fill(name === "input_blocks.0.0.bias" ? 1e6 : 0.1);
    return { name, dtype: "F32", shape, bytes: () => new Uint8Array(values.buffer) };
  });
  writeFileSync(at("large.safetensors"), writeSafetensors(net));
  const half = { to: "diffusers", half: true } as const;
  await expect(convertModel(at("large.safetensors"), at("large"), half)).rejects.toThrow(
    /conv_in\.bias.*1000000.*65504/,
  );
  writeFileSync(at("small.safetensors"), writeSafetensors(net.map((tensor) => withDType(tensor, "BF16"))));
  await convertModel(at("small.safetensors"), at("small"), { to: "diffusers" });
  expect(new Set(inspectModel(at("small")).tensors.map(({ dtype }) => dtype))).toEqual(new Set(["BF16"]));
});

test("a moving average that isn't there is told of; the folder of the file is made", async () => {
  const said: string[] = [];
  const out = at("new/folder/control.safetensors");
  await convertModel(at("control.safetensors"), out, {
    to: "ldm",
    ema: true,
    log: (line) => said.push(line),
  });
  expect(said).toContainEqual(expect.stringMatching(/no moving average.*taken as they are/));
  expect(tensorsOf(out)).toEqual(tensorsOf(at("control.safetensors")));
});

test("what is converted is never overwritten, however it is spelled or linked", async () => {
  const input = at("like-sd1.safetensors");
  const before = readFileSync(input);
  const folderOf = at("over");
  await convertModel(input, join(folderOf, "unet"), { to: "diffusers", part: "unet" });
  symlinkSync(input, at("over-link.safetensors"));
  linkSync(input, at("over-hard.safetensors"));
  symlinkSync(folderOf, at("over-folder"));
  const unet = "unet/diffusion_pytorch_model.safetensors";
  for (const [from, out, to] of [
    [input, input, "ldm"],
    [input, join(folder, ".", "x", "..", "like-sd1.safetensors"), "ldm"],
    [input, at("over-link.safetensors"), "ldm"],
    [at("over-link.safetensors"), at("over-hard.safetensors"), "ldm"],
    [folderOf, join(at("over-folder"), unet), "ldm"],
    [folderOf, at("over-folder"), "diffusers"],
    [join(folderOf, unet), join(folderOf, "unet"), "diffusers"],
  ] as const)
    await expect(convertModel(from, out, { to, part: "unet" })).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/--out .* would overwrite .*; give another name/),
    });
  expect(readFileSync(input).equals(before)).toBe(true);
});

test("what can't be converted is named, and nothing is left behind", async () => {
  const lora = writeSafetensors([pattern("lora_unet_down_blocks_0.lora_down.weight", [4, 8])]);
  writeFileSync(at("lora.safetensors"), lora);
  const out = at("nothing.safetensors");
  const to = "ldm" as const;
  await expect(convertModel(at("lora.safetensors"), out, { to })).rejects.toThrow(/found a LoRA.*merge it/);
  await expect(convertModel(at("control.safetensors"), out, { to, part: "vae" })).rejects.toThrow(
    /expected an autoencoder, found a ControlNet/,
  );
  await expect(convertModel(at("control.safetensors"), at("x.ckpt"), { to })).rejects.toThrow(
    /FILE\.safetensors/,
  );
  await expect(convertModel(at("control.safetensors"), out, { to, part: "contrl" })).rejects.toThrow(
    /unknown part "contrl" \(known: unet, control/,
  );
  const cut = Object.entries(mappings["like-sd1"]!.ldm)
    .filter(([name]) => name !== "control_model.time_embed.2.bias")
    .map(([name, shape]) => pattern(name, shape));
  writeFileSync(at("cut.safetensors"), writeSafetensors(cut));
  await expect(convertModel(at("cut.safetensors"), out, { to })).rejects.toThrow(
    /missing \(1\):\s+control_model\.time_embed\.2\.bias/,
  );
  expect(() => readFileSync(out)).toThrow(/ENOENT/);
});
