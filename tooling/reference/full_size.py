"""Stable Diffusion 1.5 with a ControlNet at full size, random weights: a 512x512 picture in 20 guided steps by diffusers and
by `controlnet sample`, compared and timed.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0. Wants 12 GB of disk and 10 GB of memory.
Run: tooling/reference/.venv/bin/python tooling/reference/full_size.py [--steps 20] [--folder FOLDER]
Prints the largest difference of the final latents, relative to their largest value, each side's time from start to picture
with its peak memory, and the ratios. Exits with 1 where the latents differ by more than 1e-3.
"""
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import torch
from diffusers import (AutoencoderKL, ControlNetModel, DDIMScheduler, StableDiffusionControlNetPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from sample_cli import DDIM, NODE, ROOT, tokenizer

WIDTHS = (128, 256, 512, 512)


def make(folder):
    """Models in PyTorch's own initial weights, which keep the values in bounds; the links are not zero, so that they count."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(cross_attention_dim=768)
    net = ControlNetModel.from_unet(unet)
    for link in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
        torch.nn.init.normal_(link.weight, std=0.02)
    autoencoder = AutoencoderKL(
        block_out_channels=WIDTHS, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, latent_channels=4, sample_size=512)
    words, size = tokenizer()
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=size, hidden_size=768, intermediate_size=64, num_hidden_layers=1, num_attention_heads=12,
        max_position_embeddings=16, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1))
    StableDiffusionPipeline(
        vae=autoencoder, text_encoder=text, tokenizer=words, unet=unet, scheduler=DDIMScheduler(**DDIM),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False).save_pretrained(folder / "model")
    net.save_pretrained(folder / "net")
    save_file({"latents": torch.randn(1, 4, 64, 64)}, str(folder / "latents.safetensors"))
    save_file({key: torch.randn(1, 77, 768) for key in ("prompt_embeds", "negative_prompt_embeds")},
              str(folder / "embeds.safetensors"))
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8).numpy()
    Image.fromarray(pixels).resize((512, 512), Image.NEAREST).save(folder / "map.png")


def reference(folder, steps):
    net = ControlNetModel.from_pretrained(folder / "net")
    pipe = StableDiffusionControlNetPipeline.from_pretrained(folder / "model", controlnet=net, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    latents = load_file(folder / "latents.safetensors")["latents"]
    out = pipe(**load_file(folder / "embeds.safetensors"), latents=latents, image=Image.open(folder / "map.png"),
               num_inference_steps=steps, guidance_scale=7.5, output_type="latent").images
    save_file({"latents": out}, str(folder / "diffusers.safetensors"))
    with torch.no_grad():
        pipe.vae.decode(out / pipe.vae.config.scaling_factor)


def timed(command, **options):
    """Seconds from the start of a process to its end."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command}\n{done.stderr}")
    return time.perf_counter() - start


def peak(path):
    """The peak memory in bytes that a process wrote down when it ended, in units of 1024."""
    return int(path.read_text()) * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--reference", action="store_true", help="only diffusers' part, in a process of its own")
    options = parser.parse_args()
    if options.reference:
        reference(options.folder, options.steps)
        (options.folder / "diffusers.peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
        return
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="full-size-"))
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "map.png").exists():
        # In a process of its own, so that its memory is given back.
        subprocess.run([sys.executable, "-c", f"import full_size, pathlib; full_size.make(pathlib.Path({str(folder)!r}))"],
                       cwd=ROOT / "tooling/reference", check=True)
    theirs = timed([sys.executable, __file__, "--reference", "--folder", folder, "--steps", str(options.steps)])
    hook = folder / "peak.mjs"
    hook.write_text("import { writeFileSync } from 'node:fs';\n"
                    f"process.on('exit', () => writeFileSync({str(folder / 'ours.peak')!r}, `${{process.resourceUsage().maxRSS}}`));\n")
    ours = timed([*NODE[:1], "--import", str(hook), *NODE[1:], "sample", "--model", folder / "model", "--control", folder / "net",
                  "--map", folder / "map.png", "--latents", folder / "latents.safetensors", "--prompt-embeds",
                  folder / "embeds.safetensors", "--steps", str(options.steps), "--guidance", "7.5", "--save-latents",
                  folder / "ours.safetensors", "--out", folder / "out"], cwd=ROOT / "apps/trainer")
    wanted, got = (load_file(folder / f"{name}.safetensors")["latents"] for name in ("diffusers", "ours"))
    difference = ((got - wanted).abs().max() / wanted.abs().max()).item()
    memory = {name: peak(folder / f"{name}.peak") / 1e9 for name in ("diffusers", "ours")}
    print(f"latents differ by {difference:.2e}")
    print(f"diffusers {theirs:.0f} s, {memory['diffusers']:.2f} GB; ours {ours:.0f} s, {memory['ours']:.2f} GB")
    print(f"ours takes {ours / theirs:.2f}x the time and {memory['ours'] / memory['diffusers']:.2f}x the memory")
    sys.exit(0 if difference <= 1e-3 else 1)


if __name__ == "__main__":
    main()
