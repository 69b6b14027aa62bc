import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { blankImage } from "@controlnet-js/preprocessors";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCaptioner } from "./open-captioner.js";

const temporary = mkdtempSync(join(tmpdir(), "blip-"));
beforeAll(useCpuBackend);
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

let made = 0;
/** A copy of a fixture's folder, to be spoilt. */
function copyOf(network: "new" | "old"): string {
  const folder = join(temporary, `copy-${made++}`);
  cpSync(fileURLToPath(new URL(`../../fixtures/blip/${network}`, import.meta.url)), folder, {
    recursive: true,
  });
  return folder;
}

/** A folder whose `config.json` says something else. */
function configured(change: (config: Record<string, Record<string, unknown>>) => void): string {
  const folder = copyOf("new");
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  change(config);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

const rejection = async (folder: string, options = {}) =>
  openCaptioner(folder, options).then(
    () => expect.fail("opened"),
    ({ code, message }) => `${code}: ${message}`,
  );

test("each file that a folder lacks is named", async () => {
  expect(await rejection(join(temporary, "nowhere"))).toMatch(/^io: .*nowhere.config\.json/);
  for (const [name, message] of [
    ["vocab.txt", /^missing: .*copy-\d+ has neither tokenizer\.json nor vocab\.txt/],
    ["preprocessor_config.json", /^io: .*preprocessor_config\.json/],
    ["pytorch_model.bin", /^missing: .*copy-\d+ has no model\.safetensors, pytorch_model\.safetensors/],
  ] as const) {
    const folder = copyOf("old");
    rmSync(join(folder, name));
    expect(await rejection(folder)).toMatch(message);
  }
});

test("weights of another network are named as what they are, incomplete ones by what they lack", async () => {
  await expectNoTensorLeak(async () => {
    const other = copyOf("new");
    const tensor = {
      name: "text_model.embeddings.token_embedding.weight",
      dtype: "F32" as const,
      shape: [4, 2],
      bytes: () => new Uint8Array(32),
    };
    await saveSafetensors(join(other, "model.safetensors"), [tensor]);
    expect(await rejection(other)).toMatch(
      /^unsupported: .*expected the weights of BlipForConditionalGeneration, found/,
    );
    const cut = copyOf("new");
    const cutFile = join(cut, "model.safetensors");
    const text = readFileSync(cutFile, "latin1").replace("mlp.fc1.bias", "mlp.fc9.bias");
    writeFileSync(cutFile, text, "latin1");
    expect(await rejection(cut)).toMatch(
      /^format: [\s\S]*missing \(1\):\n +vision_model\.encoder\.layers\.0\.mlp\.fc1\.bias[\s\S]*fc9/,
    );
  });
});

test("a BLIP that does not caption, and sizes that are not built, are refused", async () => {
  const answers = configured((config) =>
    Object.assign(config, { architectures: ["BlipForQuestionAnswering"] }),
  );
  expect(await rejection(answers)).toMatch(/^unsupported: .*expected BlipForConditionalGeneration/);
  const strange = configured(({ text_config: text }) => Object.assign(text!, { hidden_act: "tanh" }));
  expect(await rejection(strange)).toMatch(/^unsupported: .*text_config\.hidden_act/);
  const heads = configured(({ vision_config: vision }) => Object.assign(vision!, { num_attention_heads: 4 }));
  expect(await rejection(heads)).toMatch(/^config: .*18 doesn't divide into 4 heads/);
  const large = configured(({ vision_config: vision }) => Object.assign(vision!, { image_size: 48 }));
  expect(await rejection(large)).toMatch(/^unsupported: .*48x48; the processor's config has 24x24/);
});

test("the config's own search counts where it says more than every config of its time", async () => {
  const folder = configured(({ text_config: text }) => Object.assign(text!, { max_length: 3, num_beams: 2 }));
  const images = { do_pad: true, size_divisor: 32, size: { height: 24, width: 24 } };
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(images));
  const short = await openCaptioner(folder);
  const long = await openCaptioner(folder, { maxLength: 9, prefix: "a photography of" });
  const picture = blankImage(30, 20, 3);
  expect((await short(picture)).split(" ").length).toBeLessThanOrEqual(2);
  expect(await long(picture)).toMatch(/^a photography of/);
  await expect(long(blankImage(30, 20, 4))).rejects.toMatchObject({ code: "shape" });
  short.dispose();
  long.dispose();
});

test("options that make no sense are refused", async () => {
  const folder = copyOf("new");
  for (const [options, message] of [
    [{ beams: 0 }, /expected beams of 1 to 25, got 0/],
    [
      { maxLength: 4, prefix: "a photography of" },
      /expected maxLength of 7 to 40 tokens, of which it begins with 6, got 4/,
    ],
    [{ maxLength: 41 }, /expected maxLength of 2 to 40/],
    [{ minLength: 1.5 }, /expected minLength/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty above 0/],
  ] as const)
    expect(await rejection(folder, options)).toMatch(new RegExp(`^range: .*${message.source}`));
});
