"""Runs `controlnet sample` on random pipelines and ControlNets, and compares with diffusers' StableDiffusionControlNetPipeline.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0. Needs node and the workspace's packages.
Run: tooling/reference/.venv/bin/python tooling/reference/sample_cli.py [NAME ...] [--engine cpu] [--keep FOLDER]
Prints for each case the largest difference of the final latents, relative to their largest value, and that of the pictures
in levels of 255. Exits with 1 where a latent differs by more than 1e-4, a picture by more than 1, or a repeated picture at all.
"""
import argparse
import inspect
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import (AutoencoderKL, ControlNetModel, DDIMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,
                       DPMSolverSinglestepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, LCMScheduler, LMSDiscreteScheduler,
                       PNDMScheduler, StableDiffusionControlNetPipeline, StableDiffusionPipeline, UNet2DConditionModel,
                       UniPCMultistepScheduler)
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODE = ["node", "--conditions=@controlnet-js/source", "--import", "tsx", "src/cli.ts"]
TOKENS = 16
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"

# Shapes of Stable Diffusion 1.5 (convolutions around the transformers) and 2.1 (linear layers, a head count per level).
SHAPES = {
    "like15": dict(channels=(8, 16), heads=2, context=12, groups=4, blocks=1, down=(CROSS, PLAIN), vae=(8, 8)),
    "like21": dict(channels=(12, 24, 24), heads=(1, 2, 4), context=20, groups=3, blocks=2, down=(CROSS, CROSS, PLAIN),
                   linear=True, vae=(4, 8, 8)),
    "wide": dict(channels=(20, 40, 40), heads=5, context=28, groups=5, blocks=1, down=(CROSS, PLAIN, CROSS), vae=(8, 8, 8, 8)),
    "flat": dict(channels=(12,), heads=3, context=8, groups=3, blocks=2, down=(CROSS,), vae=(8,)),
    # What the original code builds: 32 groups, the same number of heads on every level.
    "ldm": dict(channels=(32, 64), heads=4, context=64, groups=32, blocks=2, down=(CROSS, CROSS), vae=(32, 32)),
    "ldm-uneven": dict(channels=(32, 64), heads=4, context=64, groups=32, blocks=(1, 2), down=(CROSS, CROSS), vae=(32, 32),
                       unet=dict(transformer_layers_per_block=[1, 2], resnet_time_scale_shift="scale_shift")),
    # A latent consistency model: guidance is an input.
    "lcm": dict(channels=(8, 16), heads=2, context=12, groups=4, blocks=1, down=(CROSS, PLAIN), vae=(8, 8),
                unet=dict(time_cond_proj_dim=256)),
    "unusual": dict(channels=(8, 12, 16), heads=2, context=12, groups=4, blocks=1, down=(CROSS, PLAIN, CROSS), vae=(8, 8),
                    unet=dict(act_fn="mish", resnet_time_scale_shift="scale_shift", mid_block_scale_factor=1.4,
                              downsample_padding=0, only_cross_attention=(True, False, False), conv_out_kernel=5)),
}
STABLE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
DDIM = dict(**STABLE, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
V = dict(prediction_type="v_prediction")


def net(seed, strength=1.0, start=0.0, end=1.0, pool=False):
    return dict(seed=seed, strength=strength, start=start, end=end, pool=pool)


ONE = [net(5)]
TWO = [net(5, 0.7, 0.0, 0.8), net(6, 1.3, 0.3, 1.0)]
SHUFFLE = [net(5, 0.8, pool=True)]
# name: (shape, scheduler class, its options, ControlNets, what else: size, guidance, guess, steps, batch, single, prompt ...)
CASES = {
    "ddim": ("like15", DDIMScheduler, DDIM, ONE, {}),
    "two-nets": ("like15", DDIMScheduler, DDIM, TWO, dict(steps=6, batch=2)),
    "no-net": ("like15", EulerDiscreteScheduler, STABLE, [], {}),
    "guess": ("like15", UniPCMultistepScheduler, STABLE, TWO, dict(guess=True)),
    "guess-unguided": ("like21", DDIMScheduler, DDIM, ONE, dict(guess=True, guidance=1.0)),
    "unguided": ("wide", DDIMScheduler, DDIM, ONE, dict(guidance=1.0)),
    "shuffle": ("like15", DDIMScheduler, DDIM, SHUFFLE, {}),
    "shuffle-guess": ("like21", DDIMScheduler, DDIM, SHUFFLE, dict(guess=True, batch=2)),
    "shuffle-single-file": ("ldm", DDIMScheduler, DDIM, SHUFFLE, dict(single=True)),
    "v-trailing-zero-snr": ("like21", DDIMScheduler, dict(**STABLE, **V, clip_sample=False, timestep_spacing="trailing",
                                                          rescale_betas_zero_snr=True), TWO, {}),
    "v-euler": ("like21", EulerDiscreteScheduler, dict(**STABLE, **V, timestep_spacing="leading", steps_offset=1), ONE, {}),
    "rescale": ("like21", DDIMScheduler, dict(**DDIM, **V), ONE, dict(rescale=0.7)),
    "pndm": ("like15", PNDMScheduler, dict(**STABLE, skip_prk_steps=True, steps_offset=1), TWO, dict(steps=7)),
    "pndm-runge-kutta": ("like15", PNDMScheduler, dict(**STABLE, steps_offset=1), ONE, dict(steps=6)),
    "heun-karras": ("wide", HeunDiscreteScheduler, dict(**STABLE, use_karras_sigmas=True), [net(5, 0.9, 0.2, 0.9)], {}),
    "dpm-karras": ("wide", DPMSolverMultistepScheduler, dict(**STABLE, use_karras_sigmas=True), TWO, {}),
    "dpm-v-sigma-min": ("like21", DPMSolverMultistepScheduler, dict(**STABLE, **V, solver_order=3, final_sigmas_type="sigma_min",
                                                                   algorithm_type="dpmsolver++"), ONE, dict(steps=8)),
    "dpm-singlestep": ("like15", DPMSolverSinglestepScheduler, STABLE, ONE, dict(steps=6)),
    # With bh1 and a last sigma of 0 diffusers itself ends in NaN.
    "unipc-linear": ("wide", UniPCMultistepScheduler, dict(beta_schedule="linear", solver_type="bh1",
                                                          final_sigmas_type="sigma_min"), ONE, {}),
    "lms": ("like15", LMSDiscreteScheduler, STABLE, ONE, dict(steps=8)),
    "deis": ("like15", DEISMultistepScheduler, dict(**STABLE, **V), ONE, {}),
    "odd-latents": ("like21", DDIMScheduler, DDIM, TWO, dict(size=(9, 7))),
    "odd-latents-wide": ("wide", EulerDiscreteScheduler, STABLE, ONE, dict(size=(5, 11), guess=True)),
    "one-hint-width": ("flat", DDIMScheduler, DDIM, ONE, dict(size=(6, 6))),
    "prompt": ("like15", DDIMScheduler, DDIM, ONE, dict(prompt="a red cube on the grass", negative="blurry")),
    "half-inputs": ("like15", DDIMScheduler, DDIM, ONE, dict(half=True)),
    "single-file": ("ldm", PNDMScheduler, dict(**STABLE, skip_prk_steps=True, steps_offset=1), TWO, dict(single=True)),
    "embedded-guidance": ("lcm", DDIMScheduler, DDIM, TWO, dict(guidance=8.5, batch=2)),
    "one-step": ("lcm", LCMScheduler, STABLE, [], dict(guidance=7.5, steps=1)),
    "unusual": ("unusual", EulerDiscreteScheduler, STABLE, TWO, dict(size=(5, 7))),
    "thresholding": ("like15", DPMSolverMultistepScheduler, dict(**STABLE, thresholding=True, sample_max_value=1.5,
                                                                 dynamic_thresholding_ratio=0.9), ONE, {}),
    "single-file-uneven": ("ldm-uneven", DDIMScheduler, DDIM, [], dict(single=True)),
    "single-file-net": ("like21", DDIMScheduler, dict(**DDIM, **V), ONE, dict(single_net=True)),
}


def shake(module, seed):
    torch.manual_seed(seed)
    for key, parameter in module.named_parameters():
        scale = 0.3 if parameter.dim() == 1 else 0.7 / max(1, parameter[0].numel()) ** 0.5
        parameter.data = torch.randn_like(parameter) * scale
        if "norm" in key and key.endswith("weight"):
            parameter.data += 1
    return module.eval()


def tokenizer():
    lines = (ROOT / "packages/text-encoder/fixtures/small-merges.txt").read_text().splitlines()[1:]
    merges = [tuple(line.split(" ")) for line in lines]
    symbols = list(bytes_to_unicode().values())
    names = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {name: i for i, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=TOKENS), len(vocab)


def pipeline_of(shape, in_channels=4):
    channels, down, vae = shape["channels"], shape["down"], shape["vae"]
    unet = shake(UNet2DConditionModel(
        sample_size=8, in_channels=in_channels, block_out_channels=channels, layers_per_block=shape["blocks"], down_block_types=down,
        up_block_types=tuple(d.replace("Down", "Up") for d in reversed(down)), attention_head_dim=shape["heads"],
        cross_attention_dim=shape["context"], norm_num_groups=shape["groups"],
        use_linear_projection=shape.get("linear", False), **shape.get("unet", {})), 2)
    autoencoder = shake(AutoencoderKL(
        block_out_channels=vae, down_block_types=("DownEncoderBlock2D",) * len(vae),
        up_block_types=("UpDecoderBlock2D",) * len(vae), layers_per_block=1, latent_channels=4,
        norm_num_groups=32 if shape["groups"] == 32 else 4), 3)
    words, size = tokenizer()
    text = shake(CLIPTextModel(CLIPTextConfig(
        vocab_size=size, hidden_size=shape["context"], intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=1 if shape["groups"] == 32 else 4, max_position_embeddings=TOKENS, bos_token_id=size - 2,
        eos_token_id=size - 1, pad_token_id=size - 1)), 4)
    return StableDiffusionPipeline(vae=autoencoder, text_encoder=text, tokenizer=words, unet=unet,
                                   scheduler=DDIMScheduler(**DDIM), safety_checker=None, feature_extractor=None,
                                   requires_safety_checker=False)


def net_of(unet, **options):
    """A ControlNet of the U-Net's settings, those included that ControlNetModel.from_unet stumbles over."""
    known = inspect.signature(ControlNetModel.__init__).parameters
    return ControlNetModel(**{key: value for key, value in unet.config.items() if key in known}, **options)


def cli(*args):
    done = subprocess.run([*NODE, *map(str, args)], cwd=ROOT / "apps/trainer", capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"controlnet {' '.join(map(str, args))}\n{done.stderr}")
    return done.stdout


def single_file(source, target, *options):
    """The original code's form, without the configs that `convert` keeps in the header: as others publish it."""
    cli("convert", source, "--to", "ldm", "--out", target, *options)
    save_file(load_file(target), str(target))
    return target


def run(name, folder, engine):
    shape_name, scheduler_class, scheduler_options, controls, more = CASES[name]
    shape = SHAPES[shape_name]
    factor = 2 ** (len(shape["vae"]) - 1)
    width, height = more.get("size", (8, 8))
    steps, batch, guidance = more.get("steps", 5), more.get("batch", 1), more.get("guidance", 5.0)
    pipe = pipeline_of(shape)
    pipe.save_pretrained(folder / "model")
    scheduler = scheduler_class(**scheduler_options)
    scheduler.save_pretrained(folder / "scheduler")
    hint_widths = (4, 8, 8, 12)[: len(shape["vae"])]
    nets = [shake(net_of(pipe.unet, conditioning_embedding_out_channels=hint_widths), c["seed"])
            for c in controls]
    for made, c in zip(nets, controls):
        made.register_to_config(global_pool_conditions=c["pool"])
    generator = torch.Generator().manual_seed(len(name))
    latents = torch.randn(batch, 4, height, width, generator=generator)
    embeds = {key: torch.randn(batch, 7, shape["context"], generator=generator)
              for key in ("prompt_embeds", "negative_prompt_embeds")}
    if more.get("half"):
        latents, embeds = latents.half(), {key: value.half() for key, value in embeds.items()}
    save_file({"latents": latents}, str(folder / "latents.safetensors"))
    save_file(embeds, str(folder / "embeds.safetensors"))
    maps = []
    for i, made in enumerate(nets):
        made.save_pretrained(folder / f"net{i}")
        pixels = torch.randint(0, 256, (height * factor, width * factor, 3), generator=generator, dtype=torch.uint8)
        maps.append(Image.fromarray(pixels.numpy()))
        maps[i].save(folder / f"map{i}.png")

    # diffusers
    given = dict(latents=latents.float(), num_inference_steps=steps, guidance_scale=guidance)
    if "prompt" in more:
        given |= dict(prompt=more["prompt"], negative_prompt=more["negative"])
    else:
        given |= {key: value.float() for key, value in embeds.items()}
    scheduler = scheduler_class.from_pretrained(folder / "scheduler")
    if nets:
        parts = {key: part for key, part in pipe.components.items() if key != "scheduler"}
        reference = StableDiffusionControlNetPipeline(
            **parts, scheduler=scheduler, controlnet=nets if len(nets) > 1 else nets[0], requires_safety_checker=False)
        each = lambda key: [c[key] for c in controls] if len(nets) > 1 else controls[0][key]
        given |= dict(image=maps if len(nets) > 1 else maps[0], controlnet_conditioning_scale=each("strength"),
                      control_guidance_start=each("start"), control_guidance_end=each("end"),
                      guess_mode=more.get("guess", False))
    else:
        reference = pipe
        reference.scheduler = scheduler
        given |= dict(width=width * factor, height=height * factor)
    if "rescale" in more:  # StableDiffusionControlNetPipeline has none of its own
        given |= dict(eta=0.0)
        patch_rescale(reference, more["rescale"])
    reference.set_progress_bar_config(disable=True)
    with torch.no_grad():
        wanted = reference(**given, output_type="latent").images
        decoded = pipe.vae.decode(wanted / pipe.vae.config.scaling_factor).sample
    picture = ((decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255).round()

    # controlnet sample
    model = folder / "model"
    args = []
    if more.get("single"):
        model = single_file(model, folder / "model.safetensors")
        (folder / "model.yaml").write_text(json.dumps({"model": {"params": {
            "unet_config": {"params": {"num_heads": shape["heads"]}},
            "global_average_pooling": any(c["pool"] for c in controls)}}}))
        args += ["--config", folder / "model.yaml"]
    args += ["--model", model, "--sampler", folder / "scheduler/scheduler_config.json", "--steps", steps,
             "--guidance", guidance, "--latents", folder / "latents.safetensors"]
    args += ["--guess-mode"] if more.get("guess") else []
    args += ["--guidance-rescale", more["rescale"]] if "rescale" in more else []
    if "prompt" in more:
        args += ["--prompt", more["prompt"], "--negative", more["negative"]]
    else:
        args += ["--prompt-embeds", folder / "embeds.safetensors"]
    for i, control in enumerate(controls):
        path = folder / f"net{i}"
        if more.get("single") or more.get("single_net"):
            path = single_file(path, folder / f"net{i}.safetensors")
        args += ["--control", path, "--map", folder / f"map{i}.png", "--strength", control["strength"],
                 "--start", control["start"], "--end", control["end"]]
    out = cli("sample", *args, "--engine", engine, "--out", folder / "out", "--save-latents", folder / "got.safetensors", "--json")
    report = json.loads(out)
    got = load_file(folder / "got.safetensors")["latents"]
    assert got.shape == wanted.shape, f"{name}: latents {tuple(got.shape)}, diffusers' {tuple(wanted.shape)}"
    error = ((got - wanted).abs().max() / wanted.abs().max()).item()
    painted = numpy.stack([numpy.asarray(Image.open(file).convert("RGB")) for file in report["files"]])
    levels = numpy.abs(painted.astype(float) - picture).max()
    return error, levels, report


def patch_rescale(pipe, phi):
    """Guidance with rescaling, in place of the sum that the ControlNet pipeline has inline."""
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
    scheduler, inner = pipe.scheduler, pipe.unet.forward
    seen = {}

    def forward(*args, **kwargs):
        seen["output"] = inner(*args, **kwargs)
        return seen["output"]

    step = scheduler.step

    def rescaled(guided, *args, **kwargs):
        conditional = seen["output"][0].chunk(2)[1]
        return step(rescale_noise_cfg(guided, conditional, guidance_rescale=phi), *args, **kwargs)

    pipe.unet.forward, scheduler.step = forward, rescaled


def repeats(report, folder, engine):
    """Whether `--from` makes the same pixels again."""
    again = json.loads(cli("sample", "--from", report["files"][0], "--out", folder / "again", "--json"))
    pixels = lambda files: [numpy.asarray(Image.open(file)).tobytes() for file in files]
    return pixels(again["files"]) == pixels(report["files"])


def main(cases, run, repeated):
    """Runs the cases that are asked for; those of `repeated` are made again from their pictures, too."""
    torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or cases:
            folder = (options.keep or pathlib.Path(scratch)) / name
            folder.mkdir(parents=True, exist_ok=True)
            error, levels, report = run(name, folder, options.engine)
            same = repeats(report, folder, options.engine) if name in repeated else True
            bad = not error <= 1e-4 or not levels <= 1 or not same
            failed |= bad
            warned = f"  {report['warnings']}" if report["warnings"] else ""
            print(f"{'FAILED ' if bad else ''}{name}: latents {error:.1e}, picture {levels:.0f}"
                  f"{'' if same else ', not repeated'}{warned}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(CASES, run, ("two-nets", "single-file"))
