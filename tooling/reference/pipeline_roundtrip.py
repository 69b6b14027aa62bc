"""Loads with diffusers what savePipeline and saveControlNet wrote, and compares the outputs.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0.
Run: tooling/reference/.venv/bin/python tooling/reference/pipeline_roundtrip.py PIPELINE CONTROLNET OUTPUT.safetensors
OUTPUT holds "in.latents", "in.timesteps", "in.context", "in.map" and "out.controlled" (NCHW), and with a "prompts" entry in
its metadata (a JSON list) "out.context". Exits with 1 where anything differs by more than 1e-4 of its largest value.
"""
import json
import sys

import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
from safetensors import safe_open


torch.set_num_threads(1)


def main(pipeline_folder, control_folder, output):
    net = ControlNetModel.from_pretrained(control_folder)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(pipeline_folder, controlnet=net, safety_checker=None)
    with safe_open(output, "pt") as file:
        metadata = file.metadata() or {}
        given = {key: file.get_tensor(key) for key in file.keys()}
    x, t, context = given["in.latents"], given["in.timesteps"], given["in.context"]
    results = {}
    with torch.no_grad():
        skips, middle = net(x, t, context, controlnet_cond=given["in.map"], return_dict=False)
        results["controlled"] = pipeline.unet(x, t, context, down_block_additional_residuals=skips,
                                              mid_block_additional_residual=middle).sample
        if "prompts" in metadata:
            results["context"] = pipeline.encode_prompt(json.loads(metadata["prompts"]), "cpu", 1, False)[0]
        if "out.picture" in given:
            results["picture"] = pipeline.vae.decode(x / pipeline.vae.config.scaling_factor).sample
    failed = False
    for name, wanted in results.items():
        error = ((given[f"out.{name}"] - wanted).abs().max() / max(1.0, wanted.abs().max())).item()
        failed |= not error <= 1e-4
        print(f"{name}: {error:.1e}", tuple(wanted.shape))
    sys.exit(1 if failed else 0)


main(*sys.argv[1:4])
