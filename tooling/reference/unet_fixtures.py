"""Tiny random U-Nets and ControlNets with their outputs, as diffusers computes them.

Versions: torch 2.15.0, diffusers 0.42.1. Run: tooling/reference/.venv/bin/python tooling/reference/unet_fixtures.py [NAME ...]
Each fixture is one safetensors file: "unet.*", "controlnet.*" in diffusers' names, inputs and outputs in NCHW; its
metadata holds both config.json texts.
"""
import inspect
import json
import pathlib
import sys

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = {
    "sd15-like": dict(block_out_channels=(8, 16), layers_per_block=1, attention_head_dim=2, cross_attention_dim=12,
                      norm_num_groups=4, down=("CrossAttnDownBlock2D", "DownBlock2D")),
    "sd21-like": dict(block_out_channels=(8, 16, 16), layers_per_block=1, attention_head_dim=(1, 2, 4),
                      cross_attention_dim=10, norm_num_groups=2, use_linear_projection=True,
                      down=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")),
    "one-level": dict(block_out_channels=(12,), layers_per_block=2, attention_head_dim=3, cross_attention_dim=8,
                      norm_num_groups=3, down=("CrossAttnDownBlock2D",)),
    "odd-sides": dict(block_out_channels=(4, 8, 8), layers_per_block=1, attention_head_dim=2, cross_attention_dim=6,
                      norm_num_groups=2, side=(5, 7), hint_widths=(4, 8),
                      down=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")),
    "global-pooling": dict(block_out_channels=(4, 8), layers_per_block=1, attention_head_dim=2, cross_attention_dim=6,
                           norm_num_groups=2, side=(4, 6), pool=True, down=("CrossAttnDownBlock2D", "DownBlock2D")),
}


CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
CASES |= {
    # Settings in which a U-Net may differ from the published ones, in as few numbers as they take.
    "settings": dict(block_out_channels=(5, 10), layers_per_block=1, attention_head_dim=(5, 2), cross_attention_dim=3,
                     norm_num_groups=5, norm_eps=1e-2, flip_sin_to_cos=False, freq_shift=1, side=(4, 4),
                     transformer_layers_per_block=(1, 2), mid_block_type="UNetMidBlock2D", order="bgr",
                     down=(PLAIN, CROSS), up=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), hint_widths=(2, 2)),
    "no-middle": dict(block_out_channels=(4, 4), layers_per_block=1, attention_head_dim=3, cross_attention_dim=3,
                      norm_num_groups=2, side=(4, 4), mid_block_type=None, net=dict(mid_block_type="UNetMidBlock2D"),
                      down=(CROSS, PLAIN), hint_widths=(2, 2)),
    # What only some models have: other activations, kernels and paddings, an embedded guidance, blocks by level.
    "unusual": dict(block_out_channels=(4, 6), layers_per_block=1, attention_head_dim=2, cross_attention_dim=3,
                    norm_num_groups=2, side=(5, 7), act_fn="mish", resnet_time_scale_shift="scale_shift",
                    mid_block_scale_factor=1.4, downsample_padding=0, only_cross_attention=(True, False),
                    center_input_sample=True, conv_out_kernel=5, time_cond_proj_dim=7, hint_widths=(2, 2), down=(CROSS, CROSS),
                    net=dict(act_fn="gelu")),
    "uneven-levels": dict(block_out_channels=(4, 4), layers_per_block=(1, 2), attention_head_dim=2, cross_attention_dim=3,
                          norm_num_groups=2, side=(4, 4), conv_in_kernel=1, act_fn="relu", time_embedding_dim=6,
                          timestep_post_act="silu", time_embedding_act_fn="gelu",
                          transformer_layers_per_block=[1, 2], reverse_transformer_layers_per_block=[1, 2],
                          down=(PLAIN, CROSS), up=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), net=False),
}


def make(name, down, side=(8, 8), hint_widths=(4, 8, 8, 12), pool=False, up=None, order="rgb", net=None, **config):
    torch.manual_seed(len(name))
    up = up or tuple(d.replace("Down", "Up") for d in reversed(down))
    unet = UNet2DConditionModel(down_block_types=down, up_block_types=up, sample_size=8, **config).eval()
    guidance = torch.randn(2, unet.config.time_cond_proj_dim) if unet.config.time_cond_proj_dim else None
    own = dict(conditioning_embedding_out_channels=hint_widths, controlnet_conditioning_channel_order=order)
    if net is False:  # diffusers has none for such a U-Net
        controlnet = None
    elif net:  # one that from_unet can't make
        shared = {key: value for key, value in unet.config.items() if key in inspect.signature(ControlNetModel.__init__).parameters}
        controlnet = ControlNetModel(**{**shared, **net, **own}).eval()
    else:
        controlnet = ControlNetModel.from_unet(unet, **own).eval()
    if controlnet:
        controlnet.register_to_config(global_pool_conditions=pool)
    for module in (unet, controlnet) if controlnet else (unet,):
        for key, parameter in module.named_parameters():
            parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 1 else 0.7 / max(1, parameter[0].numel()) ** 0.5)
            if "norm" in key and key.endswith("weight"):
                parameter.data += 1
    x, context = torch.randn(2, 4, *side), torch.randn(2, 5, config["cross_attention_dim"])
    factor = 2 ** (len(hint_widths) - 1)
    timesteps, hint = torch.tensor([7, 981]), torch.rand(2, 3, side[0] * factor, side[1] * factor)
    tensors = {f"unet.{k}": v for k, v in unet.state_dict().items()} | {"in.latents": x, "in.context": context}
    metadata = {"unet": json.dumps(dict(unet.config))}
    given = dict(timestep_cond=guidance)
    if guidance is not None:
        tensors["in.guidance"] = guidance
    with torch.no_grad():
        tensors["out.plain"] = unet(x, timesteps, context, **given).sample
        if controlnet:
            controlled(controlnet, lambda **links: unet(x, timesteps, context, **given, **links).sample,
                       (x, timesteps, context), hint, tensors, metadata)
    tensors = {k: v.contiguous().float() for k, v in tensors.items()}
    save_file(tensors, str(ROOT / f"packages/unet/fixtures/{name}.safetensors"), metadata)


def controlled(controlnet, unet, inputs, hint, tensors, metadata):
    skips, middle = controlnet(*inputs, controlnet_cond=hint, return_dict=False)
    half = [s * 0.5 for s in skips]
    tensors |= {f"controlnet.{k}": v for k, v in controlnet.state_dict().items()}
    tensors |= {"in.hint": hint, "out.middle": middle, "out.skip0": skips[0],
                "out.controlled": unet(down_block_additional_residuals=skips, mid_block_additional_residual=middle),
                "out.half": unet(down_block_additional_residuals=half, mid_block_additional_residual=middle * 0.5)}
    metadata["controlnet"] = json.dumps(dict(controlnet.config))


for name, case in CASES.items() if len(sys.argv) == 1 else [(n, CASES[n]) for n in sys.argv[1:]]:
    make(name, **case)
