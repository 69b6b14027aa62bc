"""Runs `controlnet sample` with pictures to begin with, and compares with diffusers' img2img, inpaint and InstructPix2Pix pipelines.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0. Needs node and the workspace's packages.
Run: tooling/reference/.venv/bin/python tooling/reference/sample_cli_pictures.py [NAME ...] [--engine cpu] [--keep FOLDER]
diffusers draws the noise, and latents from the autoencoder's distribution, by its generator: here it is handed our noise
and the mean, which are the command line's `--latents` and its own encoding, and for the steps of stochastic samplers what
`noiseSource` draws. Output and exit status as of sample_cli.py.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import (ControlNetModel, DDIMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,
                       EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler,
                       KDPM2AncestralDiscreteScheduler, KDPM2DiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler,
                       StableDiffusionControlNetImg2ImgPipeline,
                       StableDiffusionControlNetInpaintPipeline, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline, StableDiffusionInstructPix2PixPipeline, UniPCMultistepScheduler)
import diffusers.pipelines.controlnet.pipeline_controlnet_img2img as control_img2img
import diffusers.pipelines.controlnet.pipeline_controlnet_inpaint as control_inpaint
import diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img as img2img
import diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint as inpaint
from PIL import Image
from safetensors.torch import load_file, save_file

from sample_cli import DDIM, ONE, ROOT, SHAPES, STABLE, TWO, cli, main, pipeline_of, shake, single_file

V = dict(prediction_type="v_prediction")
LEADING = dict(timestep_spacing="leading", steps_offset=1)
PNDM = dict(**STABLE, steps_offset=1)
PLMS = dict(**PNDM, skip_prk_steps=True)
HALF = [dict(ONE[0], strength=0.9, start=0.2, end=0.7)]
# name: (kind, shape, scheduler class, its options, ControlNets, what else)
CASES = {
    "img2img": ("img2img", "like15", DDIMScheduler, DDIM, [], dict(denoise=0.6)),
    "img2img-whole": ("img2img", "like15", EulerDiscreteScheduler, STABLE, [], dict(denoise=1.0)),
    "img2img-v": ("img2img", "like21", DDIMScheduler, dict(**DDIM, **V), [], dict(denoise=0.7, size=(7, 5))),
    "img2img-euler": ("img2img", "like15", EulerDiscreteScheduler, STABLE, [], dict(denoise=0.75, batch=2)),
    "img2img-dpm": ("img2img", "wide", DPMSolverMultistepScheduler, dict(**STABLE, use_karras_sigmas=True), [], dict(steps=8)),
    "img2img-unipc": ("img2img", "like15", UniPCMultistepScheduler, STABLE, [], dict(steps=8, denoise=0.5)),
    "img2img-deis": ("img2img", "like15", DEISMultistepScheduler, STABLE, [], dict(steps=8, denoise=0.5)),
    "img2img-heun": ("img2img", "like15", HeunDiscreteScheduler, STABLE, HALF, dict(steps=6, denoise=0.7)),
    "img2img-dpm2": ("img2img", "like21", KDPM2DiscreteScheduler, dict(**STABLE, **V), [], dict(denoise=0.6)),
    "img2img-lms": ("img2img", "like15", LMSDiscreteScheduler, STABLE, [], dict(steps=9, denoise=0.7)),
    "img2img-plms": ("img2img", "like15", PNDMScheduler, PLMS, [], dict(steps=8, denoise=0.6)),
    "img2img-plms-late": ("img2img", "like21", PNDMScheduler, dict(**PLMS, **V), [], dict(steps=7, denoise=0.9)),
    "img2img-pndm": ("img2img", "like15", PNDMScheduler, PNDM, HALF, dict(steps=12, denoise=0.8)),
    "img2img-latents": ("img2img", "like15", DDIMScheduler, DDIM, [], dict(latents=True, denoise=0.5)),
    "img2img-nets": ("img2img", "like15", DDIMScheduler, DDIM, TWO, dict(steps=6)),
    "img2img-guess": ("img2img", "like15", EulerDiscreteScheduler, STABLE, ONE, dict(guess=True)),
    "inpaint": ("inpaint", "like15", DDIMScheduler, DDIM, [], {}),
    "inpaint-part": ("inpaint", "like21", DDIMScheduler, DDIM, [], dict(denoise=0.6, batch=2)),
    "inpaint-euler": ("inpaint", "like15", EulerDiscreteScheduler, STABLE, [], dict(denoise=0.8)),
    "inpaint-dpm": ("inpaint", "wide", DPMSolverMultistepScheduler, STABLE, [], dict(steps=7)),
    "inpaint-heun": ("inpaint", "like15", HeunDiscreteScheduler, STABLE, [], {}),
    "inpaint-heun-part": ("inpaint", "like21", HeunDiscreteScheduler, dict(**STABLE, **V, **LEADING, use_karras_sigmas=True), HALF,
                          dict(steps=6, denoise=0.7, batch=2)),
    "inpaint-dpm2": ("inpaint", "like15", KDPM2DiscreteScheduler, dict(**STABLE, use_exponential_sigmas=True), [], dict(denoise=0.9)),
    "inpaint-dpm2-ancestral": ("inpaint", "like15", KDPM2AncestralDiscreteScheduler, STABLE, [], dict(denoise=0.8, batch=2)),
    "inpaint-euler-ancestral": ("inpaint", "like21", EulerAncestralDiscreteScheduler, dict(**STABLE, **V), ONE, dict(denoise=0.8)),
    "inpaint-lms": ("inpaint", "like15", LMSDiscreteScheduler, STABLE, [], dict(steps=8, denoise=0.6)),
    "inpaint-plms": ("inpaint", "like15", PNDMScheduler, PLMS, [], {}),
    "inpaint-plms-part": ("inpaint", "like15", PNDMScheduler, PLMS, TWO, dict(steps=8, denoise=0.7)),
    "inpaint-pndm": ("inpaint", "like15", PNDMScheduler, PNDM, [], dict(steps=6)),
    "inpaint-latents": ("inpaint", "like15", DDIMScheduler, DDIM, [], dict(latents=True, denoise=0.8)),
    "inpaint-nets": ("inpaint", "like15", DDIMScheduler, DDIM, TWO, dict(denoise=0.9)),
    "inpaint-unguided": ("inpaint", "like15", UniPCMultistepScheduler, STABLE, ONE, dict(guidance=1.0)),
    "inpaint-9": ("inpaint", "like15", DDIMScheduler, DDIM, [], dict(channels=9)),
    "inpaint-9-part": ("inpaint", "like21", EulerDiscreteScheduler, STABLE, [], dict(channels=9, denoise=0.6, batch=2)),
    "inpaint-9-heun": ("inpaint", "like15", HeunDiscreteScheduler, STABLE, [], dict(channels=9, denoise=0.8)),
    "inpaint-9-plms": ("inpaint", "like15", PNDMScheduler, PLMS, ONE, dict(channels=9, denoise=0.7)),
    "inpaint-9-latents": ("inpaint", "like15", DDIMScheduler, DDIM, [], dict(channels=9, latents=True, denoise=0.8)),
    "inpaint-9-net": ("inpaint", "like15", DDIMScheduler, DDIM, ONE, dict(channels=9)),
    "inpaint-9-single-file": ("inpaint", "ldm", DDIMScheduler, DDIM, ONE, dict(channels=9, single=True)),
    "inpaint-condition": ("inpaint", "like15", DDIMScheduler, DDIM, ONE, dict(inpaint_map=True)),
    "edit": ("edit", "like15", DDIMScheduler, DDIM, [], dict(channels=8)),
    "edit-euler": ("edit", "like21", EulerDiscreteScheduler, dict(**STABLE, timestep_spacing="leading", steps_offset=1), [],
                   dict(channels=8, batch=2, image_guidance=2.5, size=(7, 9))),
    "edit-unguided": ("edit", "like15", DDIMScheduler, DDIM, [], dict(channels=8, guidance=1.0)),
    "edit-latents": ("edit", "like15", DDIMScheduler, DDIM, [], dict(channels=8, latents=True)),
    "edit-single-file": ("edit", "ldm", DDIMScheduler, DDIM, [], dict(channels=8, single=True, image_guidance=1.2)),
    "clip-skip": ("img2img", "like15", DDIMScheduler, DDIM, [], dict(prompt="a red cube on the grass", clip_skip=1)),
}


DRAWS = """
import { noiseSource } from "@controlnet-js/samplers";
import "@tensorflow/tfjs-backend-cpu";
const { steps, ...keys } = JSON.parse(process.argv[1]);
const draw = noiseSource(keys);
console.log(JSON.stringify(Array.from({ length: steps }, (_, step) => draw(step).arraySync())));
"""


def steps_noise(seed, batch, height, width, steps):
    """What the command line's stochastic samplers draw in each step."""
    keys = dict(seed=seed, indices=list(range(batch)), shape=[height, width, 4], steps=steps)
    done = subprocess.run(["node", "--conditions=@controlnet-js/source", "--import", "tsx", "--input-type=module", "-e", DRAWS,
                           json.dumps(keys)], cwd=ROOT / "packages/samplers", capture_output=True, text=True, check=True)
    return torch.tensor(json.loads(done.stdout.splitlines()[-1])).permute(0, 1, 4, 2, 3)


def run(name, folder, engine):
    kind, shape_name, scheduler_class, scheduler_options, controls, more = CASES[name]
    shape = SHAPES[shape_name]
    factor = 2 ** (len(shape["vae"]) - 1)
    width, height = more.get("size", (8, 8))
    steps, batch, guidance = more.get("steps", 5), more.get("batch", 1), more.get("guidance", 5.0)
    pipe = pipeline_of(shape, more.get("channels", 4))
    pipe.save_pretrained(folder / "model")
    scheduler_class(**scheduler_options).save_pretrained(folder / "scheduler")
    scheduler = scheduler_class.from_pretrained(folder / "scheduler")
    plain = pipeline_of(shape).unet
    nets = [shake(ControlNetModel.from_unet(plain, conditioning_embedding_out_channels=(4, 8, 8, 12)[: len(shape["vae"])]),
                  c["seed"]) for c in controls]
    generator = torch.Generator().manual_seed(len(name))
    noise = torch.randn(batch, 4, height, width, generator=generator)
    embeds = {key: torch.randn(batch, 7, shape["context"], generator=generator)
              for key in ("prompt_embeds", "negative_prompt_embeds")}
    save_file({"latents": noise}, str(folder / "latents.safetensors"))
    save_file(embeds, str(folder / "embeds.safetensors"))

    def painted(path, channels):
        pixels = torch.randint(0, 256, (height * factor, width * factor, channels), generator=generator, dtype=torch.uint8)
        made = Image.fromarray(pixels.squeeze(-1).numpy())
        made.save(folder / path)
        return made

    picture, mask = painted("picture.png", 3), painted("mask.png", 1)
    maps = [painted(f"map{i}.png", 3) for i in range(len(nets))]
    for i, net in enumerate(nets):
        net.save_pretrained(folder / f"net{i}")

    # diffusers
    for module in (control_img2img, control_inpaint, img2img, inpaint):
        module.randn_tensor = lambda wanted, **_: noise.expand(wanted).clone()
        module.retrieve_latents = lambda encoded, generator=None, sample_mode="mode": encoded.latent_dist.mode()
    schedulers = sys.modules[scheduler_class.__module__]
    if "Ancestral" in scheduler_class.__name__:
        first = steps - int(steps * more.get("denoise", 1.0))
        draws = iter(steps_noise(7, batch, height, width, steps)[first:])
        schedulers.randn_tensor = lambda *_, **__: next(draws)
    parts = dict(pipe.components)
    given = dict(num_inference_steps=steps, guidance_scale=guidance, output_type="latent", image=picture)
    if "prompt" in more:
        given |= dict(prompt=more["prompt"], negative_prompt="blurry", clip_skip=more["clip_skip"])
    else:
        given |= embeds
    args = []
    if kind != "edit":
        given |= dict(strength=more.get("denoise", 1.0 if kind == "inpaint" else 0.8))
        args += ["--denoise", more["denoise"]] if "denoise" in more else []
    if kind == "inpaint":
        given |= dict(mask_image=mask, height=height * factor, width=width * factor)
    if "image_guidance" in more:
        given |= dict(image_guidance_scale=more["image_guidance"])
        args += ["--image-guidance", more["image_guidance"]]
    if nets:
        each = lambda key: [c[key] for c in controls] if len(nets) > 1 else controls[0][key]
        given |= dict(control_image=maps if len(nets) > 1 else maps[0], controlnet_conditioning_scale=each("strength"),
                      control_guidance_start=each("start"), control_guidance_end=each("end"),
                      guess_mode=more.get("guess", False))
        if more.get("inpaint_map"):  # make_inpaint_condition of diffusers' guide
            unit = lambda image: torch.from_numpy(numpy.asarray(image).astype(numpy.float32) / 255)
            hollow = unit(picture)
            hollow[unit(mask) > 0.5] = -1
            given |= dict(control_image=hollow.permute(2, 0, 1)[None])
        parts |= dict(controlnet=nets if len(nets) > 1 else nets[0])
    if more.get("latents"):
        made = torch.randn(1, 4, height, width, generator=generator)
        masked = torch.randn(1, 4, height, width, generator=generator)
        given["image"] = made
        ready = {"latents": made}
        if kind == "inpaint":
            given["masked_image_latents"] = masked
        if more.get("channels") == 9:
            ready["masked_image_latents"] = masked
        save_file(ready, str(folder / "ready.safetensors"))
        args += ["--init-latents", folder / "ready.safetensors"]
    else:
        args += ["--init-image", folder / "picture.png"]
    args += ["--mask", folder / "mask.png"] if kind == "inpaint" else []
    made_by = {("img2img", False): StableDiffusionImg2ImgPipeline, ("img2img", True): StableDiffusionControlNetImg2ImgPipeline,
               ("inpaint", False): StableDiffusionInpaintPipeline, ("inpaint", True): StableDiffusionControlNetInpaintPipeline,
               ("edit", False): StableDiffusionInstructPix2PixPipeline}[kind, bool(nets)]
    # diffusers looks for the final norm where transformers 4 had it.
    object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    reference = made_by(**parts, requires_safety_checker=False)
    reference.scheduler = scheduler  # constructed with it, the pipelines would change what they take for outdated settings
    reference.set_progress_bar_config(disable=True)
    if kind == "edit":
        given |= dict(latents=noise)
    with torch.no_grad():
        wanted = reference(**given).images
        decoded = pipe.vae.decode(wanted / pipe.vae.config.scaling_factor).sample
    expected = ((decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255).round()

    # controlnet sample
    model = folder / "model"
    if more.get("single"):
        model = single_file(model, folder / "model.safetensors")
        (folder / "model.yaml").write_text(json.dumps({"model": {"params": {
            "unet_config": {"params": {"num_heads": shape["heads"]}}}}}))
        args += ["--config", folder / "model.yaml"]
    args += ["--model", model, "--sampler", folder / "scheduler/scheduler_config.json", "--steps", steps,
             "--guidance", guidance, "--latents", folder / "latents.safetensors", "--seed", 7]
    args += ["--guess-mode"] if more.get("guess") else []
    if "prompt" in more:
        args += ["--prompt", more["prompt"], "--negative", "blurry", "--clip-skip", more["clip_skip"]]
    else:
        args += ["--prompt-embeds", folder / "embeds.safetensors"]
    for i, control in enumerate(controls):
        path = folder / f"net{i}"
        args += ["--control", single_file(path, folder / f"net{i}.safetensors") if more.get("single") else path,
                 *(["--condition", "inpaint"] if more.get("inpaint_map") else ["--map", folder / f"map{i}.png"]), "--strength", control["strength"], "--start", control["start"],
                 "--end", control["end"]]
    report = json.loads(cli("sample", *args, "--engine", engine, "--out", folder / "out",
                            "--save-latents", folder / "got.safetensors", "--json"))
    got = load_file(folder / "got.safetensors")["latents"]
    assert got.shape == wanted.shape, f"{name}: latents {tuple(got.shape)}, diffusers' {tuple(wanted.shape)}"
    error = ((got - wanted).abs().max() / wanted.abs().max()).item()
    pixels = numpy.stack([numpy.asarray(Image.open(file).convert("RGB")) for file in report["files"]])
    return error, numpy.abs(pixels.astype(float) - expected).max(), report


if __name__ == "__main__":
    main(CASES, run, ("inpaint-part", "edit-euler"))
