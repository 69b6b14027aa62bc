import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32Tensor } from "@controlnet-js/checkpoints";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { Command } from "commander";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { fixturePath } from "../testing/fixture-path.js";
import { addModelCommands } from "./model-commands.js";

const whole = fixturePath("single-file/whole.ckpt");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "models-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a command line writes to the standard output. */
async function run(...args: string[]): Promise<string> {
  let written = "";
  const quiet = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written += text;
    return true;
  });
  try {
    const program = new Command("controlnet");
    addModelCommands(program);
    for (const command of [program, ...program.commands]) command.exitOverride();
    await program.parseAsync(args, { from: "user" });
  } finally {
    quiet.mockRestore();
    out.mockRestore();
  }
  return written;
}

test("inspect writes JSON for machines and a table for people", async () => {
  const json = JSON.parse(await run("inspect", whole, "--json", "--hash"));
  expect(json).toMatchObject({ kind: "stable-diffusion", version: "custom" });
  expect(json.tensors[0]).toEqual({
    name: expect.any(String),
    dtype: "F16",
    shape: expect.any(Array),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(await run("inspect", fixturePath("edges"))).toMatch(
    /edges: a ControlNet.*\n[\s\S]*controlnet_mid_block\.weight +F32 +\[16, 16, 1, 1\]/,
  );
});

test("names that would move the cursor or begin a line of their own are escaped", async () => {
  const name = "a\u001b[2Jb\nfine: no problem\u202e";
  const file = join(folder, "hostile.safetensors");
  await saveSafetensors(file, [float32Tensor(name, [1], Float32Array.of(1))]);
  for (const said of [await run("inspect", file), await run("inspect", file, "--json")]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(said).not.toMatch(/[\u001b\u202e]/);
    expect(said).not.toMatch(/^fine: no problem/m);
    expect(said).toContain("u001b");
  }
});

test("init, transfer and convert write what the next reads", async () => {
  const at = (name: string) => join(folder, name);
  await run("init", "--base", whole, "--out", at("fresh.safetensors"), "--hint-channels", "1");
  const transfer = ["transfer", "--control", at("fresh.safetensors"), "--from", whole, "--to", whole];
  await run(...transfer, "--out", at("moved"), "--half");
  await run("convert", at("moved"), "--to", "ldm", "--out", at("moved.safetensors"));
  const moved = JSON.parse(await run("inspect", at("moved.safetensors"), "--json"));
  expect(moved).toMatchObject({ kind: "controlnet", parts: [{ hintChannels: 1, prefix: "", dtype: "F16" }] });
});

test("mistakes are told, and nothing is written", async () => {
  const out = join(folder, "never.safetensors");
  await expect(run("convert", whole, "--to", "onnx", "--out", out)).rejects.toThrow(/diffusers, ldm/);
  await expect(
    run("convert", fixturePath("edges"), "--to", "ldm", "--part", "vae", "--out", out),
  ).rejects.toThrow(/expected an autoencoder, found a ControlNet/);
  await expect(
    run("convert", whole, "--to", "ldm", "--out", out, "--tokenizer", fixturePath("tiny/tokenizer")),
  ).rejects.toThrow(/--tokenizer belongs to --to diffusers/);
  const below = join(fixturePath("runs.safetensors"), "x.safetensors");
  await expect(run("convert", whole, "--to", "ldm", "--out", below)).rejects.toMatchObject({ code: "io" });
  await expect(run("init", "--base", fixturePath("edges"), "--out", out)).rejects.toThrow(
    /expected a U-Net, found/,
  );
  writeFileSync(join(folder, "bad.yaml"), "model: [");
  await expect(
    run("convert", whole, "--to", "ldm", "--out", out, "--config", join(folder, "bad.yaml")),
  ).rejects.toThrow(/bad\.yaml is not valid YAML/);
  writeFileSync(join(folder, "other.yaml"), "a: 1");
  await expect(
    run("init", "--base", whole, "--out", out, "--config", join(folder, "other.yaml")),
  ).rejects.toThrow(/other\.yaml: expected "model: params: \.\.\."/);
  expect(existsSync(out)).toBe(false);
});
