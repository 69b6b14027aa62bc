import { describe, expect, it } from "vitest";
import { loadTree } from "../load-tree.js";
import { hasEmaWeights, withEmaWeights, withoutPrefix } from "../sub-source.js";
import {
  float32Tensor,
  type NamedTensor,
  type TensorSource,
  tensorSource,
  toFloat32,
} from "../tensor-source.js";
import { identify } from "./identify.js";
import { misfit, requirePart } from "./require-part.js";

/** A file of these names and shapes, whose bytes must not be read. */
const file = (shapes: Record<string, number[]>, metadata: Record<string, string> = {}): TensorSource =>
  tensorSource(
    Object.entries(shapes).map(
      ([name, shape]): NamedTensor => ({
        name,
        shape,
        dtype: "F16",
        bytes: () => {
          throw new Error("identify must not read weights");
        },
      }),
    ),
    metadata,
  );

const prefixed = (prefix: string, shapes: Record<string, number[]>) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]));

const ldmEncoder = (context = 768, channels = 4, width = 320) => ({
  "input_blocks.0.0.weight": [width, channels, 3, 3],
  "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [width, context],
});
const ldmUnet = (context = 768, channels = 4, width = 320) => ({
  ...ldmEncoder(context, channels, width),
  "out.2.weight": [4, width, 3, 3],
});
const ldmControl = (context = 768, hint = 3) => ({
  ...ldmEncoder(context),
  "zero_convs.0.0.weight": [320, 320, 1, 1],
  "input_hint_block.0.weight": [16, hint, 3, 3],
});
const diffusersUnet = (context = 768, channels = 4) => ({
  "conv_in.weight": [320, channels, 3, 3],
  "conv_out.weight": [4, 320, 3, 3],
  "time_embedding.linear_1.weight": [1280, 320],
  "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": [320, context],
});
const diffusersControl = (context = 768) => {
  const { "conv_out.weight": _, ...encoder } = diffusersUnet(context);
  return { ...encoder, "controlnet_cond_embedding.conv_in.weight": [16, 3, 3, 3] };
};
const vae = (form: "ldm" | "diffusers") => ({
  "encoder.conv_in.weight": [128, 3, 3, 3],
  "decoder.conv_in.weight": [512, 4, 3, 3],
  [form === "ldm" ? "encoder.down.0.block.0.norm1.weight" : "encoder.down_blocks.0.resnets.0.norm1.weight"]: [
    128,
  ],
});
const clip = { "text_model.embeddings.token_embedding.weight": [49408, 768] };
const openClip = { "token_embedding.weight": [49408, 1024], "transformer.resblocks.0.ln_1.weight": [1024] };

const whole = (unet: Record<string, number[]>, text: Record<string, number[]>) => ({
  ...prefixed("model.diffusion_model.", unet),
  ...prefixed("first_stage_model.", vae("ldm")),
  ...text,
});
const sd1 = whole(ldmUnet(), prefixed("cond_stage_model.transformer.", clip));
const sd2 = whole(ldmUnet(1024), prefixed("cond_stage_model.model.", openClip));

describe("identify", () => {
  it("finds every part of a whole model of Stable Diffusion 1", () => {
    const identity = identify(file(sd1));
    expect(identity).toMatchObject({
      kind: "stable-diffusion",
      family: "sd1",
      variant: "text-to-image",
      prediction: "epsilon",
      ema: false,
    });
    expect(identity.parts.map(({ part, keys, prefix }) => [part, keys, prefix])).toEqual([
      ["unet", "ldm", "model.diffusion_model."],
      ["autoencoder", "ldm", "first_stage_model."],
      ["text-encoder", "transformers", "cond_stage_model.transformer."],
    ]);
    expect(identity.summary).toBe("a whole model of Stable Diffusion 1.x, F16, in the original code's names");
    expect(identity.parts[0]).toMatchObject({
      inputChannels: 4,
      contextWidth: 768,
      width: 320,
      dtype: "F16",
      tensors: 3,
    });
  });

  it("says that Stable Diffusion 2's prediction is not in the weights, unless the file tells", () => {
    const identity = identify(file(sd2));
    expect(identity).toMatchObject({ kind: "stable-diffusion", family: "sd2", prediction: "unknown" });
    expect(identity.parts[2]).toMatchObject({
      keys: "openclip",
      prefix: "cond_stage_model.model.",
      contextWidth: 1024,
    });
    expect(identity.summary).toMatch(/epsilon or v-prediction/);
    expect(identify(file(sd2, { "modelspec.predict_key": "v" })).prediction).toBe("v");
    expect(identify(file({ ...sd2, v_pred: [0] })).prediction).toBe("v");
    for (const [told, prediction] of [
      ["epsilon", "epsilon"],
      ["sample", "sample"],
      ["x0", "sample"],
      ["rf", "unknown"],
    ])
      expect(identify(file(sd2, { "modelspec.predict_key": told! })).prediction).toBe(prediction);
  });

  it.each([
    [9, "inpainting"],
    [8, "instruct-pix2pix"],
    [5, "depth"],
    [7, "upscaler"],
    [4, "text-to-image"],
    [6, "other"],
  ] as const)("tells by %i input channels: %s", (channels, variant) => {
    expect(identify(file(whole(ldmUnet(768, channels), {}))).variant).toBe(variant);
    expect(identify(file(diffusersUnet(768, channels))).variant).toBe(variant);
  });

  it.each<[string, Record<string, number[]>, string, string]>([
    ["control only, bare", ldmControl(), "ldm", ""],
    ["control only, prefixed", prefixed("control_model.", ldmControl()), "ldm", "control_model."],
    ["in diffusers' names", diffusersControl(), "diffusers", ""],
    ["saved from a wrapped model", prefixed("module.", diffusersControl()), "diffusers", "module."],
  ])("knows a ControlNet %s", (_, shapes, keys, prefix) => {
    const identity = identify(file(shapes));
    expect(identity).toMatchObject({ kind: "controlnet", family: "sd1" });
    expect(identity.parts).toMatchObject([{ part: "controlnet", keys, prefix, hintChannels: 3 }]);
    expect(identity.summary).toMatch(/^a ControlNet for Stable Diffusion 1\.x/);
  });

  it("knows a whole model with a ControlNet inside", () => {
    const identity = identify(file({ ...sd1, ...prefixed("control_model.", ldmControl(768, 6)) }));
    expect(identity.kind).toBe("stable-diffusion");
    expect(identity.summary).toMatch(/with a ControlNet inside/);
    expect(identity.parts.find(({ part }) => part === "controlnet")).toMatchObject({
      prefix: "control_model.",
      hintChannels: 6,
    });
  });

  it("knows the other models of a folder", () => {
    expect(identify(file(vae("diffusers")))).toMatchObject({
      kind: "autoencoder",
      parts: [{ keys: "diffusers", latentChannels: 4 }],
    });
    expect(identify(file(vae("ldm"))).summary).toBe(
      "an autoencoder, 4 latent channels, F16, in the original code's names",
    );
    expect(identify(file(vae("ldm")))).toMatchObject({
      kind: "autoencoder",
      parts: [{ keys: "ldm", prefix: "" }],
    });
    expect(identify(file(clip))).toMatchObject({
      kind: "text-encoder",
      family: "sd1",
      parts: [{ keys: "transformers", prefix: "" }],
    });
    expect(identify(file({ "embeddings.token_embedding.weight": [49408, 32] }))).toMatchObject({
      kind: "text-encoder",
      family: "custom",
      parts: [{ keys: "transformers-5" }],
    });
    expect(identify(file(ldmUnet(64, 4, 32)))).toMatchObject({
      kind: "unet",
      family: "custom",
      prediction: "unknown",
    });
  });

  it.each<[string, Record<string, number[]>, RegExp]>([
    ["lora", { "lora_unet_down_blocks_0.lora_down.weight": [4, 320] }, /a LoRA, 1 tensor$/],
    ["lora", { "lora_te2_text_model.lora_up.weight": [4, 320] }, /a LoRA for Stable Diffusion XL/],
    ["lora", { "unet.down_blocks.0.attn1.to_q.lora_A.weight": [4, 320] }, /a LoRA/],
    ["lora", { "lora_unet_mid.hada_w1_a": [4, 320] }, /a LoRA/],
    ["control-lora", { lora_controlnet: [0], ...ldmControl() }, /a Control-LoRA/],
    ["controlnet-lllite", { lllite_unet_input_blocks: [1] }, /LLLite/],
    ["t2i-adapter", { "adapter.body.0.resnets.0.block1.weight": [1] }, /T2I-Adapter/],
    ["t2i-adapter", { "body.0.in_conv.weight": [1] }, /T2I-Adapter/],
    ["ip-adapter", { "image_proj.proj.weight": [1] }, /IP-Adapter/],
    ["textual-inversion", { emb_params: [1, 768] }, /textual inversion/],
    ["textual-inversion", { "string_to_param.*": [1, 768] }, /textual inversion/],
    [
      "motion-module",
      { "down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": [1] },
      /AnimateDiff/,
    ],
    [
      "diffusion-transformer",
      { "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": [1] },
      /Stable Diffusion 3/,
    ],
    ["diffusion-transformer", { "double_blocks.0.img_attn.qkv.weight": [1] }, /Flux/],
    [
      "diffusion-transformer",
      {
        "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": [1],
        "text_encoders.clip_l.transformer.text_model.embeddings.token_embedding.weight": [9, 768],
        "vae.encoder.conv_in.weight": [128, 3, 3, 3],
        "vae.encoder.down.0.block.0.conv1.weight": [128, 128, 3, 3],
      },
      /Flux/,
    ],
    [
      "video-model",
      { ...ldmUnet(1024, 8), "input_blocks.1.1.time_stack.0.attn1.to_q.weight": [1] },
      /Video Diffusion/,
    ],
    ["image-encoder", { "vision_model.embeddings.class_embedding": [1] }, /image encoder/],
    ["unknown", { "fc1.weight": [1] }, /unknown kind \(fc1\.weight/],
    ["unknown", {}, /0 tensors of an unknown kind$/],
  ])("names a %s as what it is, with advice", (kind, shapes, summary) => {
    const identity = identify(file(shapes));
    expect(identity).toMatchObject({ kind, parts: [], summary: expect.stringMatching(summary) });
    expect(identity.advice).toBeTruthy();
    expect(() => requirePart(file(shapes), "controlnet", "x.safetensors")).toThrow(
      /^x\.safetensors: expected a ControlNet, found /,
    );
  });

  it("names Stable Diffusion XL, which is not supported", () => {
    const ldm = file(whole({ ...ldmUnet(2048), "label_emb.0.0.weight": [1280, 2816] }, {}));
    expect(identify(ldm)).toMatchObject({
      kind: "stable-diffusion",
      family: "sdxl",
      advice: expect.stringMatching(/not supported/),
    });
    expect(() => requirePart(ldm, "unet", "x")).toThrow(
      /found a whole model of Stable Diffusion XL.*not supported/,
    );
    const control = file({ ...diffusersControl(2048), "add_embedding.linear_1.weight": [1280, 2816] });
    expect(identify(control)).toMatchObject({ kind: "controlnet", family: "sdxl" });
    expect(identify(file({ ...ldmUnet(1280, 4, 384), "label_emb.0.0.weight": [1, 1] })).family).toBe(
      "sdxl-refiner",
    );
    const unclip = file({ ...ldmUnet(1024), "label_emb.0.0.weight": [1280, 2048] });
    expect(() => requirePart(unclip, "unet", "x")).toThrow(/unCLIP.*; unCLIP is not supported/);
  });
});

describe("requirePart", () => {
  it("gives the place of a model in a file", () => {
    expect(requirePart(file(sd1), "autoencoder", "x")).toMatchObject({
      prefix: "first_stage_model.",
      keys: "ldm",
    });
    expect(() => requirePart(file(sd1), "controlnet", "x")).toThrow(
      /expected a ControlNet, found a whole model of Stable.*; name the file or folder of a ControlNet/,
    );
  });

  it("lets loadTree say what a strange file is", () => {
    const row = { path: "a", key: "a", layout: "plain", shape: [1] } as const;
    const load = () => loadTree(file({ emb_params: [1, 768] }), [{ ...row, shape: [1] }]);
    expect(load).toThrow(/does not fit the model; it is a textual inversion/);
  });
});

describe("misfit", () => {
  it("tells a pair that can't work together", () => {
    const base = identify(file(sd1));
    expect(misfit(base, identify(file(ldmControl())))).toBeUndefined();
    expect(misfit(base, identify(file(ldmControl(1024))))).toMatch(
      /2\.x.*\(text width 1024\), but the base model is .*1\.x.*768/,
    );
    expect(misfit(identify(file(ldmUnet(768, 9))), identify(file(ldmControl())))).toBeUndefined();
    expect(misfit(base, identify(file(clip)))).toBeUndefined();
  });
});

describe("parts of a source", () => {
  it("are seen without their prefix", () => {
    const unet = withoutPrefix(file(sd1), "model.diffusion_model.");
    expect(unet.names()).toEqual(Object.keys(ldmUnet()));
    expect(unet.get("out.2.weight")).toMatchObject({ name: "out.2.weight", shape: [4, 320, 3, 3] });
    expect(() => unet.get("nope")).toThrow(/model\.diffusion_model\.nope/);
  });

  it("take the moving average where there is one", () => {
    const source = tensorSource([
      float32Tensor("model.diffusion_model.out.2.weight", [1], Float32Array.of(1)),
      float32Tensor("model_ema.diffusion_modelout2weight", [1], Float32Array.of(2)),
      float32Tensor("first_stage_model.x", [1], Float32Array.of(3)),
    ]);
    expect(hasEmaWeights(source)).toBe(true);
    const averaged = withEmaWeights(source);
    expect(averaged.names()).toEqual(["model.diffusion_model.out.2.weight", "first_stage_model.x"]);
    expect([...toFloat32(averaged.get("model.diffusion_model.out.2.weight"))]).toEqual([2]);
    expect([...toFloat32(averaged.get("first_stage_model.x"))]).toEqual([3]);
  });
});
