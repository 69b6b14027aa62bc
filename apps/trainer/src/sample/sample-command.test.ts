import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPrompt } from "@controlnet-js/pipeline";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../testing/fixture-path.js";
import { runProgram } from "../testing/run-program.js";
import type { SampleReport } from "./sample.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "sample-command-"));
  const pixels = Uint8Array.from({ length: 768 }, (_, i) => (i * 37) % 256);
  await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } }).toFile(at("map.png"));
  const left = Uint8Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? 255 : 0));
  await sharp(left, { raw: { width: 16, height: 16, channels: 1 } }).toFile(at("left.png"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain = () => [
  "sample",
  "--model",
  fixturePath("tiny"),
  "--engine",
  "cpu",
  "--steps",
  "1",
  "--out",
  at("out"),
];
const sample = async (...args: string[]): Promise<SampleReport> =>
  JSON.parse(await runProgram(...plain(), "--json", ...args));
const control = (...own: string[]) => ["--control", fixturePath("edges"), ...own];
const map = () => ["--map", at("map.png")];
const prompt = ["--prompt", "a red cube"];
const pixelsOf = async (path: string) => [...(await sharp(path).raw().toBuffer())];

describe("each ControlNet's own flags", () => {
  test("weigh its links, place it, choose its half of guidance; --from keeps them", async () => {
    const middle = control(...map(), "--links", "middle", "--weighting", "resolution", "--strength", "0.5");
    const layered = control(...map(), "--layers", "1,0.5,0,0,0.25", "--half", "conditional");
    const masked = control(...map(), "--control-mask", at("left.png"));
    const made = await sample(...prompt, ...middle, ...layered, ...masked);
    expect(made.applied.controls).toMatchObject([
      { weighting: "resolution", half: "conditional", calls: [{ scales: [0, 0, 0, 0, 1] }] },
      { weighting: "even", half: "conditional", calls: [{ scales: [1, 0.5, 0, 0, 0.25] }] },
      { half: "both", masked: true },
    ]);
    const before = await pixelsOf(made.files[0]!);
    const again = await sample("--from", made.files[0]!);
    expect(again.parameters).toEqual(made.parameters);
    expect(await pixelsOf(again.files[0]!)).toEqual(before);
  });

  test("a picture's map is made with the condition's options, and kept", async () => {
    const photo = [
      "--image",
      at("map.png"),
      "--condition",
      "canny",
      "--option",
      "low=10",
      "--option",
      "high=30",
    ];
    const made = await sample(...prompt, ...control(...photo), "--save-maps", at("maps"));
    expect(made.maps).toEqual([at("maps/map-0.png")]);
    expect(existsSync(at("maps/map-0.png"))).toBe(true);
    const again = await sample(...prompt, ...control("--map", at("maps/map-0.png")));
    expect(await pixelsOf(again.files[0]!)).toEqual(await pixelsOf(made.files[0]!));
  });
});

test("a folder's tokenizer may lie elsewhere; a model yaml that nothing reads is told of", async () => {
  cpSync(fixturePath("tiny"), at("wordless"), { recursive: true });
  rmSync(at("wordless/tokenizer"), { recursive: true });
  const wordless = (...args: string[]) => sample("--model", at("wordless"), ...prompt, ...args);
  await expect(wordless()).rejects.toThrow(
    /wordless has no tokenizer; name the folder of one with --tokenizer/,
  );
  writeFileSync(at("model.yaml"), "model: { params: { unet_config: { params: { num_heads: 2 } } } }");
  const { warnings } = await wordless(
    "--tokenizer",
    fixturePath("tiny/tokenizer"),
    "--config",
    at("model.yaml"),
  );
  expect(warnings).toEqual([expect.stringMatching(/the model yaml was not used/)]);
});

describe("the run's flags", () => {
  test("a picture by its own number is that of the batch", async () => {
    const both = await sample(...prompt, "--batch", "2", "--seed", "9");
    const pixels = await pixelsOf(both.files[1]!);
    const own = ["--first", "1", "--seed", "9"];
    const second = await sample(...prompt, ...own, "--out", at("second"));
    expect(second.files).toEqual([both.files[1]!.replace(at("out"), at("second"))]);
    expect(await pixelsOf(second.files[0]!)).toEqual(pixels);
  });

  test("prompt settings, clip skip, long prompts, the sampler's options and noise", async () => {
    const standard = await sample("--prompt-setting", "default", "--batch", "2");
    expect(standard.applied.prompts).toEqual([defaultPrompt, defaultPrompt]);
    const long = ["--prompt", "a red cube on the grass beside a blue ball, in the evening"];
    expect((await sample(...long)).warnings[0]).toMatch(/tokens were cut off/);
    const options = ["--sampler", "euler", "--sampler-option", "sigmas=karras", "--long-prompts"];
    const made = await sample(...long, ...options, "--clip-skip", "1", "--negative-clip-skip", "1");
    expect(made.warnings).toEqual([]);
    expect(made.parameters).toMatchObject({
      samplerOptions: { sigmas: "karras" },
      longPrompts: true,
      clipSkip: 1,
      negativeClipSkip: 1,
    });
    const unguided = await sample(...prompt, "--guidance", "1", "--guidance-rescale", "0.5");
    expect(unguided.warnings).toEqual(["guidance is 1: --guidance-rescale was not used"]);
    const noisy = await sample(...prompt, "--eta", "1", "--steps", "2");
    expect(noisy.parameters.eta).toBe(1);
  });

  test.each<[string, string[], RegExp]>([
    ["no prompt", [], /--prompt TEXT, may it be "", --prompt-setting or --prompt-embeds/],
    [
      "a prompt beside a setting",
      [...prompt, "--prompt-setting", "none"],
      /makes the prompt itself: leave --prompt out/,
    ],
    [
      "an unknown setting",
      ["--prompt-setting", "nome"],
      /expected one of none, default.*did you mean "none"/,
    ],
    ["no captioner", ["--prompt-setting", "automatic"], /needs --captioner FOLDER/],
    [
      "a captioner for nothing",
      [...prompt, "--captioner", "x"],
      /--captioner belongs to --prompt-setting automatic/,
    ],
    [
      "clip skip of embeddings",
      ["--prompt-embeds", "x", "--clip-skip", "1"],
      /--clip-skip belongs to --prompt/,
    ],
    [
      "clip skip beyond all layers",
      [...prompt, "--clip-skip", "9"],
      /controlnet sample: expected a --clip-skip of 0 to 2/,
    ],
    [
      "eta of another sampler",
      [...prompt, "--sampler", "euler", "--eta", "1"],
      /--eta belongs to the samplers ddim and tcd/,
    ],
    [
      "an option twice",
      [...prompt, "--sampler-option", "order=2", "--sampler-option", "order=3"],
      /"order" is given twice/,
    ],
    ["a name of the prototype", [...prompt, "--sampler-option", "__proto__=1"], /"__proto__" is no option/],
    ["an unknown option of the sampler", [...prompt, "--sampler-option", "sigma=1"], /no option "sigma"/],
    ["steps as an option", [...prompt, "--sampler-option", "steps=3"], /give it as --steps/],
    ["an unknown weighting", ["--control", "x", "--weighting", "guss"], /--weighting.*did you mean "guess"/],
    ["layers that are no numbers", ["--control", "x", "--layers", "1,,2"], /--layers.*numbers with commas/],
    [
      "options of a map that is ready",
      [...prompt, "--control", "x", "--map", "y", "--option", "low=1"],
      /--option says how a map is made/,
    ],
    [
      "guess mode without maps",
      [...prompt, "--guess-mode"],
      /--guess-mode guesses from the maps.*give a --control/,
    ],
    [
      "maps to keep where none is made",
      [...prompt, "--save-maps", "x"],
      /--save-maps keeps what is made of --image/,
    ],
    ["no size", [...prompt, "--size", "0x64"], /--size.*sides of 1 to 16384 pixels/],
    ["a size that is a slip", [...prompt, "--size", "80000x64"], /--size.*sides of 1 to 16384 pixels/],
    [
      "a size beyond all memory",
      [...prompt, "--size", "16384x16384", "--batch", "1000"],
      /controlnet sample: 16384x16384, 1000 pictures at once, needs at least \d+\.\d GB of memory, there are/,
    ],
    ["tiles that don't fit", [...prompt, "--tiles", "9"], /expected --tiles whose side is a multiple of 2/],
    [
      "a folder that is a file",
      [...prompt, "--out", fixturePath("runs.safetensors")],
      /--out: can't write into .*runs\.safetensors: it is no folder/,
    ],
    [
      "latents that would be a folder",
      [...prompt, "--save-latents", fixturePath("tiny")],
      /--save-latents: expected a file, such as .*latents\.safetensors; .*tiny is a folder/,
    ],
    [
      "a ControlNet of the hub",
      [...prompt, "--control", "lllyasviel/sd-controlnet-canny", "--map", "MAP"],
      /can't read lllyasviel\/sd-controlnet-canny: there is no such file or folder.*download it first/,
    ],
    [
      "too few layers",
      [...prompt, "--control", fixturePath("edges"), "--map", "MAP", "--layers", "1,2"],
      /expected 5 finite layer weights/,
    ],
  ])("a mistake is named: %s", async (_, args, message) => {
    await expect(sample(...args.map((arg) => (arg === "MAP" ? at("map.png") : arg)))).rejects.toThrow(
      message,
    );
  });
});
