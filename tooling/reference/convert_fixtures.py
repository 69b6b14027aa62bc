"""Writes packages/models/fixtures/single-file: the original code's checkpoints, and what diffusers makes of them.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0, safetensors 0.8.0.
Run: tooling/reference/.venv/bin/python tooling/reference/convert_fixtures.py

mapping.json: for several sizes every tensor name and shape of a whole file in the original code's names, laid out here as
openaimodel.py, cldm.py, model.py, CLIPTextModel and open_clip build them; and beside them the names, shapes and hashes of
what diffusers' own converters give for tensors filled by `pattern`. Each conversion must load strictly into diffusers'
model of the same size, which shows that the original names are right.
whole.ckpt, expected.safetensors: a whole random model with a ControlNet inside, and what diffusers computes with it.
"""
import hashlib
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_controlnet_checkpoint,
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

torch.set_num_threads(1)
OUT = Path(__file__).resolve().parents[2] / "packages" / "models" / "fixtures" / "single-file"

SIZES = {
    "like-sd1": dict(channels=[32, 64], blocks=1, attention=[True, False], depth=1, context=64, linear=False, heads=8,
                     vae=[32, 64], vae_blocks=1, text="clip", layers=2, hint=[8, 8, 16, 24]),
    "like-sd2": dict(channels=[64, 128], blocks=2, attention=[True, True], depth=1, context=32, linear=True, heads=[1, 2],
                     vae=[32, 32, 64], vae_blocks=2, text="openclip", layers=3, hint=[16, 32, 96, 256]),
    "inpainting": dict(channels=[32, 64, 96], blocks=2, attention=[False, True, True], depth=2, context=64, linear=False,
                       heads=8, vae=[32], vae_blocks=1, text="clip", layers=1, hint=[4, 8, 12, 16], inputs=9),
}
WHOLE = dict(channels=[32], blocks=1, attention=[True], depth=1, context=64, linear=False, heads=8, vae=[32], vae_blocks=1,
             text="clip", layers=2, hint=[16], vocabulary=586, tokens=16)


class Names(dict):
    def weights(self, name, *shape, bias=True):
        self[f"{name}.weight"] = list(shape)
        if bias:
            self[f"{name}.bias"] = [shape[0]]

    def conv(self, name, i, o, size=3):
        self.weights(name, o, i, size, size)

    def norm(self, name, channels):
        self.weights(name, channels)


def residual(names, at, i, o, time):
    names.norm(f"{at}.in_layers.0", i)
    names.conv(f"{at}.in_layers.2", i, o)
    names.weights(f"{at}.emb_layers.1", o, time)
    names.norm(f"{at}.out_layers.0", o)
    names.conv(f"{at}.out_layers.3", o, o)
    if i != o:
        names.conv(f"{at}.skip_connection", i, o, 1)


def transformer(names, at, width, size):
    projection = (lambda name: names.weights(name, width, width)) if size["linear"] else (
        lambda name: names.conv(name, width, width, 1))
    names.norm(f"{at}.norm", width)
    projection(f"{at}.proj_in")
    for d in range(size["depth"]):
        block = f"{at}.transformer_blocks.{d}"
        for attention, context in (("attn1", width), ("attn2", size["context"])):
            names.weights(f"{block}.{attention}.to_q", width, width, bias=False)
            names.weights(f"{block}.{attention}.to_k", width, context, bias=False)
            names.weights(f"{block}.{attention}.to_v", width, context, bias=False)
            names.weights(f"{block}.{attention}.to_out.0", width, width)
        names.weights(f"{block}.ff.net.0.proj", 8 * width, width)
        names.weights(f"{block}.ff.net.2", width, 4 * width)
        for i in (1, 2, 3):
            names.norm(f"{block}.norm{i}", width)
    projection(f"{at}.proj_out")


def encoder(names, size):
    """The part that cldm.py's ControlNet shares with openaimodel.py's UNetModel; gives the widths of the skips."""
    channels, base = size["channels"], size["channels"][0]
    time = 4 * base
    names.weights("time_embed.0", time, base)
    names.weights("time_embed.2", time, time)
    names.conv("input_blocks.0.0", size.get("inputs", 4), base)
    skips, width, block = [base], base, 1
    for level, out in enumerate(channels):
        for _ in range(size["blocks"]):
            residual(names, f"input_blocks.{block}.0", width, out, time)
            width = out
            if size["attention"][level]:
                transformer(names, f"input_blocks.{block}.1", width, size)
            skips.append(width)
            block += 1
        if level < len(channels) - 1:
            names.conv(f"input_blocks.{block}.0.op", width, width)
            skips.append(width)
            block += 1
    residual(names, "middle_block.0", width, width, time)
    transformer(names, "middle_block.1", width, size)
    residual(names, "middle_block.2", width, width, time)
    return skips, width


def unet(size):
    names = Names()
    skips, width = encoder(names, size)
    block, time = 0, 4 * size["channels"][0]
    for level, out in reversed(list(enumerate(size["channels"]))):
        for i in range(size["blocks"] + 1):
            residual(names, f"output_blocks.{block}.0", width + skips.pop(), out, time)
            width, place = out, 1
            if size["attention"][level]:
                transformer(names, f"output_blocks.{block}.1", width, size)
                place = 2
            if level > 0 and i == size["blocks"]:
                names.conv(f"output_blocks.{block}.{place}.conv", width, width)
            block += 1
    names.norm("out.0", width)
    names.conv("out.2", width, 4)
    return names


def controlnet(size):
    names = Names()
    skips, width = encoder(names, size)
    for i, skip in enumerate(skips):
        names.conv(f"zero_convs.{i}.0", skip, skip, 1)
    names.conv("middle_block_out.0", width, width, 1)
    widths, place = size["hint"], 0
    steps = [(3, widths[0])]
    for before, after in zip(widths, widths[1:]):
        steps += [(before, before), (before, after)]
    for i, o in steps + [(widths[-1], size["channels"][0])]:
        names.conv(f"input_hint_block.{place}", i, o)
        place += 2
    return names


def autoencoder(size):
    names = Names()
    channels, blocks = size["vae"], size["vae_blocks"]

    def block(at, i, o):
        names.norm(f"{at}.norm1", i)
        names.conv(f"{at}.conv1", i, o)
        names.norm(f"{at}.norm2", o)
        names.conv(f"{at}.conv2", o, o)
        if i != o:
            names.conv(f"{at}.nin_shortcut", i, o, 1)

    def middle(at, width):
        block(f"{at}.block_1", width, width)
        names.norm(f"{at}.attn_1.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            names.conv(f"{at}.attn_1.{part}", width, width, 1)
        block(f"{at}.block_2", width, width)

    width = channels[0]
    names.conv("encoder.conv_in", 3, width)
    for level, out in enumerate(channels):
        for i in range(blocks):
            block(f"encoder.down.{level}.block.{i}", width, out)
            width = out
        if level < len(channels) - 1:
            names.conv(f"encoder.down.{level}.downsample.conv", width, width)
    middle("encoder.mid", width)
    names.norm("encoder.norm_out", width)
    names.conv("encoder.conv_out", width, 8)
    names.conv("decoder.conv_in", 4, width)
    middle("decoder.mid", width)
    for level, out in reversed(list(enumerate(channels))):
        for i in range(blocks + 1):
            block(f"decoder.up.{level}.block.{i}", width, out)
            width = out
        if level > 0:
            names.conv(f"decoder.up.{level}.upsample.conv", width, width)
    names.norm("decoder.norm_out", width)
    names.conv("decoder.conv_out", width, 3)
    names.conv("quant_conv", 8, 8, 1)
    names.conv("post_quant_conv", 4, 4, 1)
    return names


def text(size):
    names = Names()
    width, vocabulary, tokens = size["context"], size.get("vocabulary", 50), size.get("tokens", 77)
    if size["text"] == "openclip":
        names["token_embedding.weight"] = [vocabulary, width]
        names["positional_embedding"] = [tokens, width]
        names["text_projection"] = [width, width]
        names["logit_scale"] = []
        for i in range(size["layers"]):
            at = f"transformer.resblocks.{i}"
            names.norm(f"{at}.ln_1", width)
            names[f"{at}.attn.in_proj_weight"] = [3 * width, width]
            names[f"{at}.attn.in_proj_bias"] = [3 * width]
            names.weights(f"{at}.attn.out_proj", width, width)
            names.norm(f"{at}.ln_2", width)
            names.weights(f"{at}.mlp.c_fc", 2 * width, width)
            names.weights(f"{at}.mlp.c_proj", width, 2 * width)
        names.norm("ln_final", width)
        return "cond_stage_model.model.", names
    names["text_model.embeddings.token_embedding.weight"] = [vocabulary, width]
    names["text_model.embeddings.position_embedding.weight"] = [tokens, width]
    for i in range(size["layers"]):
        at = f"text_model.encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            names.weights(f"{at}.self_attn.{part}", width, width)
        names.weights(f"{at}.mlp.fc1", 2 * width, width)
        names.weights(f"{at}.mlp.fc2", width, 2 * width)
        names.norm(f"{at}.layer_norm1", width)
        names.norm(f"{at}.layer_norm2", width)
    names.norm("text_model.final_layer_norm", width)
    return "cond_stage_model.transformer.", names


def whole(size):
    prefix, words = text(size)
    parts = {"model.diffusion_model.": unet(size), "control_model.": controlnet(size),
             "first_stage_model.": autoencoder(size), prefix: words}
    return {at + name: shape for at, names in parts.items() for name, shape in names.items()}


def models(size):
    """diffusers' models of the same size."""
    depth = len(size["channels"])
    common = dict(
        in_channels=size.get("inputs", 4), block_out_channels=size["channels"], layers_per_block=size["blocks"],
        down_block_types=["CrossAttnDownBlock2D" if on else "DownBlock2D" for on in size["attention"]],
        cross_attention_dim=size["context"], attention_head_dim=size["heads"], transformer_layers_per_block=size["depth"],
        use_linear_projection=size["linear"])
    up = ["CrossAttnUpBlock2D" if on else "UpBlock2D" for on in size["attention"][::-1]]
    vae = len(size["vae"])
    clip = size["text"] == "clip"
    return {
        "unet": UNet2DConditionModel(**common, up_block_types=up, sample_size=64),
        "controlnet": ControlNetModel(**common, conditioning_embedding_out_channels=size["hint"]),
        "autoencoder": AutoencoderKL(
            block_out_channels=size["vae"], layers_per_block=size["vae_blocks"],
            down_block_types=["DownEncoderBlock2D"] * vae, up_block_types=["UpDecoderBlock2D"] * vae),
        "text-encoder": CLIPTextModel(CLIPTextConfig(
            vocab_size=size.get("vocabulary", 50), hidden_size=size["context"], intermediate_size=2 * size["context"],
            num_hidden_layers=size["layers"], num_attention_heads=max(1, size["context"] // 64),
            max_position_embeddings=size.get("tokens", 77), hidden_act="quick_gelu" if clip else "gelu",
            projection_dim=size["context"])),
    }


def pattern(name, shape):
    """Half-precision numbers made of the name: 2 bytes each, byte i = (byte i mod 4 of the name's CRC-32 + 31 i) mod 251."""
    count = 2 * math.prod(shape)
    crc = np.frombuffer(np.uint32(zlib.crc32(name.encode())).tobytes(), np.uint8)
    data = (np.resize(crc, count).astype(np.int64) + 31 * np.arange(count)) % 251
    return torch.from_numpy(data.astype(np.uint8).view(np.int16).copy()).view(torch.float16).reshape(shape)


def convert(checkpoint, size, built):
    """Each part by diffusers' own converter, loaded strictly into diffusers' model."""
    config = {name: model.config for name, model in built.items()}
    openclip = size["text"] == "openclip"
    parts = {
        "unet": convert_ldm_unet_checkpoint(checkpoint, config["unet"]),
        "controlnet": convert_controlnet_checkpoint(checkpoint, config["controlnet"]),
        "autoencoder": convert_ldm_vae_checkpoint(checkpoint, config["autoencoder"]),
        "text-encoder": convert_open_clip_checkpoint(built["text-encoder"], checkpoint) if openclip
        else convert_ldm_clip_checkpoint(checkpoint),
    }
    if len(size["hint"]) != 4:
        # diffusers' converter knows hint encoders of four widths only.
        net = {key: value for key, value in parts["controlnet"].items() if "cond_embedding" not in key}
        last = 4 * len(size["hint"]) - 2
        for key, value in checkpoint.items():
            if key.startswith("control_model.input_hint_block."):
                place, leaf = key.split(".")[2:]
                place = int(place)
                name = "conv_in" if place == 0 else "conv_out" if place == last else f"blocks.{place // 2 - 1}"
                net[f"controlnet_cond_embedding.{name}.{leaf}"] = value
        parts["controlnet"] = net
    for name, model in built.items():
        own = {key: value for key, value in parts[name].items()}
        if name == "text-encoder":
            # transformers 5 renames when it reads a file; its own names lack "text_model.".
            own = {key.removeprefix("text_model."): value for key, value in own.items() if key != "text_projection.weight"}
            wanted = {key.removeprefix("text_model."): key for key in model.state_dict()}
            own = {wanted.get(key, key): value for key, value in own.items()}
        missing = model.load_state_dict({key: value.float() for key, value in own.items()}, strict=True)
        assert not missing.missing_keys and not missing.unexpected_keys
    return parts


def sha(tensor):
    data = tensor.contiguous().view(torch.int16).numpy().tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def mapping():
    found = {}
    for title, size in SIZES.items():
        names = whole(size)
        checkpoint = {name: pattern(name, shape) for name, shape in names.items()}
        parts = convert(checkpoint, size, models(size))
        found[title] = {
            "ldm": names,
            "diffusers": {part: {name: [list(tensor.shape), sha(tensor)] for name, tensor in tensors.items()}
                          for part, tensors in parts.items()},
        }
        print(title, {part: len(tensors) for part, tensors in parts.items()})
    (OUT / "mapping.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


def whole_file():
    generator = torch.Generator().manual_seed(7)
    checkpoint = {}
    for name, shape in whole(WHOLE).items():
        scale = 1 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1
        value = torch.randn(shape, generator=generator) * scale
        if len(shape) == 1 and name.endswith("weight"):
            value = value + 1
        checkpoint[name] = value.half()
    width, tokens = WHOLE["context"], WHOLE["tokens"]
    checkpoint["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(tokens)[None]
    torch.save({"global_step": 3, "state_dict": checkpoint}, OUT / "whole.ckpt")
    built = models(WHOLE)
    del checkpoint["cond_stage_model.transformer.text_model.embeddings.position_ids"]
    convert(checkpoint, WHOLE, built)
    for model in built.values():
        model.eval()
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    given = {"in.latents": normal(1, 4, 8, 8), "in.timesteps": torch.tensor([981.0]), "in.context": normal(1, 7, width),
             "in.map": torch.rand(1, 3, 8, 8, generator=generator), "in.tokens": torch.randint(0, 500, (1, tokens), generator=generator)}
    with torch.no_grad():
        x, t, context = given["in.latents"], given["in.timesteps"], given["in.context"]
        skips, middle = built["controlnet"](x, t, context, controlnet_cond=given["in.map"], return_dict=False)
        results = {
            "out.unet": built["unet"](x, t, context).sample,
            "out.controlled": built["unet"](x, t, context, down_block_additional_residuals=skips,
                                            mid_block_additional_residual=middle).sample,
            "out.picture": built["autoencoder"].decode(x).sample,
            "out.context": built["text-encoder"](given["in.tokens"]).last_hidden_state,
        }
    given["in.tokens"] = given["in.tokens"].float()
    save_file({name: value.contiguous() for name, value in {**given, **results}.items()}, OUT / "expected.safetensors")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    mapping()
    whole_file()
