"""Tiny random KL autoencoders with their outputs, as diffusers computes them.

Versions: torch 2.15.0, diffusers 0.42.1. Run: tooling/reference/.venv/bin/python tooling/reference/autoencoder_fixtures.py
Each fixture is one safetensors file: "vae.*" in diffusers' names, "in.*" and "out.*" in NCHW; the metadata holds
config.json. "ldm.json" lists, per diffusers name, the original code's name and shape, as diffusers' own converter
for single files pairs them.
"""
import json
import pathlib

import torch
from diffusers import AutoencoderKL
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors.torch import save_file

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "packages/autoencoder/fixtures"
CASES = {
    "three-levels": dict(block_out_channels=(4, 8, 8), layers_per_block=1, norm_num_groups=2),
    "wide-latent": dict(block_out_channels=(6, 9), layers_per_block=2, norm_num_groups=3, latent_channels=3,
                        scaling_factor=0.5, use_quant_conv=False),
    "no-attention": dict(block_out_channels=(8,), layers_per_block=1, norm_num_groups=8, in_channels=1, out_channels=1,
                         latent_channels=2, mid_block_add_attention=False, use_post_quant_conv=False, act_fn="gelu"),
}


def build(**config):
    levels = len(config["block_out_channels"])
    return AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
                         sample_size=16, **config).eval()


def make(name, **config):
    torch.manual_seed(len(name))
    vae = build(**config)
    for key, parameter in vae.named_parameters():
        parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 1 else 0.7 / parameter[0].numel() ** 0.5)
        if "norm" in key and key.endswith("weight"):
            parameter.data += 1
    images = torch.rand(2, vae.config.in_channels, 8, 12) * 2 - 1
    halvings = len(config["block_out_channels"]) - 1
    latents = torch.randn(2, vae.config.latent_channels, 8 >> halvings, 12 >> halvings)
    with torch.no_grad():
        moments = vae.encode(images).latent_dist
        decoded = vae.decode(latents).sample
        vae.enable_tiling()
        vae.tile_sample_min_size, vae.tile_latent_min_size = 8, 8 >> halvings
        if vae.tile_latent_min_size < 4:
            vae.tile_overlap_factor = 0.5
        tiled_moments, tiled = vae.encode(images).latent_dist, vae.decode(latents).sample
    tensors = {f"vae.{k}": v for k, v in vae.state_dict().items()}
    tensors |= {"in.images": images, "in.latents": latents, "out.mean": moments.mean, "out.logVariance": moments.logvar,
                "out.kl": moments.kl(), "out.decoded": decoded, "out.tiledMean": tiled_moments.mean, "out.tiled": tiled}
    tensors = {k: v.contiguous().float() for k, v in tensors.items()}
    save_file(tensors, str(FIXTURES / f"{name}.safetensors"), {"config": json.dumps(dict(vae.config))})


def ldm_names():
    """Feeds the converter one number per original tensor and sees where it comes out."""
    config = CASES["three-levels"]
    vae = build(**config)
    shapes = {k: list(v.shape) for k, v in vae.state_dict().items()}
    parts = ["norm1", "conv1", "norm2", "conv2", "nin_shortcut"]
    blocks = [f"encoder.down.{i}.block.{j}" for i in range(3) for j in range(1)]
    blocks += [f"decoder.up.{i}.block.{j}" for i in range(3) for j in range(2)]
    blocks += [f"{side}.mid.block_{n}" for side in ("encoder", "decoder") for n in (1, 2)]
    modules = [f"{block}.{part}" for block in blocks for part in parts]
    modules += [f"encoder.down.{i}.downsample.conv" for i in range(2)] + [f"decoder.up.{i}.upsample.conv" for i in (1, 2)]
    for side in ("encoder", "decoder"):
        modules += [f"{side}.mid.attn_1.{part}" for part in ("norm", "q", "k", "v", "proj_out")]
        modules += [f"{side}.conv_in", f"{side}.conv_out", f"{side}.norm_out"]
    modules += ["quant_conv", "post_quant_conv"]
    original = {f"first_stage_model.{m}.{leaf}": torch.zeros(1) for m in modules for leaf in ("weight", "bias")}
    for number, key in enumerate(original):
        is_attention = ".attn_1." in key and ".norm." not in key and key.endswith("weight")
        original[key] = torch.full((1, 1, 1, 1) if is_attention else (1,), float(number))
    names = list(original)
    converted = convert_ldm_vae_checkpoint(original, {"down_block_types": [0] * 3, "up_block_types": [0] * 3})
    pairs = {}
    for key, value in converted.items():
        if key in shapes:
            name = names[int(value.flatten()[0])]
            is_attention = ".attn_1." in name and ".norm." not in name and key.endswith("weight")
            pairs[key] = [name, shapes[key] + [1, 1] if is_attention else shapes[key]]
    assert pairs.keys() == shapes.keys(), shapes.keys() - pairs.keys()
    (FIXTURES / "ldm.json").write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(pairs.items())) + "\n}\n")


FIXTURES.mkdir(exist_ok=True)
for name, case in CASES.items():
    make(name, **case)
ldm_names()
