"""A tiny random Stable Diffusion with two ControlNets, and what diffusers' pipelines make of it.

Versions: torch 2.15.0, diffusers 0.42.1, transformers 5.23.0.
Run: tooling/reference/.venv/bin/python tooling/reference/pipeline_fixtures.py
Writes packages/models/fixtures: `tiny` (a diffusers folder), `edges` and `depth` (ControlNets, the second in half
precision), `inpaint-unet` (9 input channels; the first 8 of them make the U-Net of the "edit" runs), and runs.safetensors:
"in.*" and the final latents "out.*" of every run, all NCHW.
"""
import json
import pathlib
import shutil
import sys

import torch
from diffusers import (AutoencoderKL, ControlNetModel, DDIMScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler,
                       KDPM2DiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler, StableDiffusionControlNetImg2ImgPipeline, StableDiffusionControlNetInpaintPipeline,
                       StableDiffusionControlNetPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline, UNet2DConditionModel)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "packages/models/fixtures"
PROMPTS = ["a red cube on the grass", "a blue ball"]
NEGATIVE = ["blurry", "dark, ugly"]
LONG = "a red cube on the grass beside a blue ball, in the evening"
TOKENS = 16


def shake(module, seed):
    torch.manual_seed(seed)
    for key, parameter in module.named_parameters():
        small = parameter.dim() == 1
        parameter.data = torch.randn_like(parameter) * (0.3 if small else 0.7 / max(1, parameter[0].numel()) ** 0.5)
        if "norm" in key and key.endswith("weight"):
            parameter.data += 1
    return module.eval()


def tokenizer():
    merges = [m.split(" ") for m in (ROOT / "packages/text-encoder/fixtures/small-merges.txt").read_text().splitlines()[1:]]
    symbols = list(bytes_to_unicode().values())
    names = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {name: i for i, name in enumerate(names)}
    made = CLIPTokenizer(vocab=vocab, merges=[tuple(m) for m in merges], model_max_length=TOKENS)
    return made, vocab, merges


def unet_of(in_channels, seed):
    return shake(UNet2DConditionModel(
        sample_size=8, in_channels=in_channels, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, cross_attention_dim=12, norm_num_groups=4), seed)


def in_pieces(words, text, prompt, count=None):
    """The features of a prompt of any length, its pieces of TOKENS joined: between start and end, filled up."""
    start, *ids, end = words(prompt).input_ids
    room = TOKENS - 2
    pieces = [ids[i:i + room] for i in range(0, max(1, len(ids)), room)] + [[]] * (count or 0)
    framed = [[start, *piece, end] + [words.pad_token_id] * (room - len(piece)) for piece in pieces[:count]]
    with torch.no_grad():
        return torch.cat([text(torch.tensor([one]))[0] for one in framed], 1)


def main():
    for name in ("tiny", "edges", "depth", "inpaint-unet"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    words, vocab, merges = tokenizer()
    text = shake(CLIPTextModel(CLIPTextConfig(
        vocab_size=len(vocab), hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=TOKENS, bos_token_id=len(vocab) - 2, eos_token_id=len(vocab) - 1,
        pad_token_id=len(vocab) - 1)), 1)
    unet, wide = unet_of(4, 2), unet_of(9, 3)
    vae = shake(AutoencoderKL(block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
                              up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, norm_num_groups=4,
                              latent_channels=4, sample_size=16), 4)
    nets = [shake(ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8)), seed) for seed in (5, 6)]
    nets[1] = nets[1].half().float()
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                              set_alpha_to_one=False, steps_offset=1)
    parts = dict(vae=vae, text_encoder=text, tokenizer=words, unet=unet, scheduler=scheduler, safety_checker=None,
                 feature_extractor=None, requires_safety_checker=False)
    StableDiffusionPipeline(**parts).save_pretrained(OUT / "tiny")
    # Read back: in memory diffusers remembers which options were left out, and from_config drops those.
    scheduler = DDIMScheduler.from_pretrained(OUT / "tiny/scheduler")
    folder = OUT / "tiny/tokenizer"
    (folder / "tokenizer.json").unlink(missing_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(m) for m in merges)]) + "\n")
    nets[0].save_pretrained(OUT / "edges")
    nets[1].half().save_pretrained(OUT / "depth", variant="fp16")
    nets[1].float()
    wide.save_pretrained(OUT / "inpaint-unet")

    generator = torch.Generator().manual_seed(11)
    noise = torch.randn(2, 4, 8, 8, generator=generator)
    maps = [torch.rand(2, 3, 16, 16, generator=generator) for _ in range(2)]
    picture = torch.rand(2, 3, 16, 16, generator=generator)
    mask = (torch.rand(2, 1, 16, 16, generator=generator) > 0.5).float()
    words_of = StableDiffusionPipeline(**parts)
    words_of.set_progress_bar_config(disable=True)
    with torch.no_grad():
        positive, negative = words_of.encode_prompt(PROMPTS, "cpu", 1, True, NEGATIVE)
        mean = vae.encode(picture * 2 - 1).latent_dist.mode() * vae.config.scaling_factor
    tensors = {"in.noise": noise, "in.map0": maps[0], "in.map1": maps[1], "in.picture": picture, "in.mask": mask,
               "in.clean": mean, "in.positive": positive, "in.negative": negative}

    def run(name, pipeline, scheduler_class=None, steps=4, scheduler_options=None, **options):
        pipeline.set_progress_bar_config(disable=True)
        pipeline.scheduler = (scheduler_class or DDIMScheduler).from_config(scheduler.config, **(scheduler_options or {}))
        options = dict(prompt_embeds=positive, negative_prompt_embeds=negative, num_inference_steps=steps,
                       guidance_scale=7.5, output_type="latent") | options
        with torch.no_grad():
            tensors[f"out.{name}"] = torch.as_tensor(pipeline(**options).images)

    one = StableDiffusionControlNetPipeline(**parts, controlnet=nets[0])
    both = StableDiffusionControlNetPipeline(**parts, controlnet=nets)
    plain = StableDiffusionPipeline(**parts)
    start = dict(latents=noise)
    run("plain", plain, **start)
    run("plain-unguided", plain, guidance_scale=1.0, **start)
    run("rescale", plain, guidance_rescale=0.7, **start)
    run("control", one, image=maps[0], **start)
    run("strength", one, image=maps[0], controlnet_conditioning_scale=0.6, **start)
    run("window", one, image=maps[0], control_guidance_start=0.3, control_guidance_end=0.8, steps=5, **start)
    run("guess", one, image=maps[0], guess_mode=True, **start)
    run("guess-unguided", one, image=maps[0], guess_mode=True, guidance_scale=1.0, **start)
    run("two", both, image=maps, controlnet_conditioning_scale=[0.7, 1.2], control_guidance_end=[1.0, 0.5], **start)
    pooled = ControlNetModel.from_config(nets[0].config, global_pool_conditions=True).eval()
    pooled.load_state_dict(nets[0].state_dict())
    shuffle = StableDiffusionControlNetPipeline(**parts, controlnet=pooled)
    run("pooled", shuffle, image=maps[0], controlnet_conditioning_scale=0.6, **start)
    run("pooled-unguided", shuffle, image=maps[0], guidance_scale=1.0, **start)
    run("euler", one, EulerDiscreteScheduler, image=maps[0], **start)
    run("heun", one, HeunDiscreteScheduler, image=maps[0], control_guidance_start=0.4, **start)
    prompts = dict(prompt_embeds=None, negative_prompt_embeds=None, prompt=PROMPTS, negative_prompt=NEGATIVE)
    run("prompts", one, image=maps[0], **prompts, **start)
    run("picture", one, image=maps[0], output_type="pt", **prompts, **start)

    # diffusers looks for the final norm where transformers 4 had it.
    object.__setattr__(text, "text_model", text)
    run("clip-skip", plain, clip_skip=1, **prompts, **start)
    long = {"prompt_embeds": in_pieces(words, text, LONG), "negative_prompt_embeds": in_pieces(words, text, "blurry", 3)}
    run("long", plain, latents=noise[:1], **long)
    edit = UNet2DConditionModel.from_config(wide.config, in_channels=8).eval()
    edit.load_state_dict(wide.state_dict() | {"conv_in.weight": wide.conv_in.weight[:, :8]})
    instruct = StableDiffusionInstructPix2PixPipeline(**(parts | dict(unet=edit)))
    run("edit", instruct, EulerDiscreteScheduler, image=picture, image_guidance_scale=2.0, **start)
    run("edit-unguided", instruct, image=picture, guidance_scale=1.0, **start)

    # These pipelines draw their noise themselves: hand them ours, and latents in place of pictures.
    import diffusers.pipelines.controlnet.pipeline_controlnet_img2img as img2img
    import diffusers.pipelines.controlnet.pipeline_controlnet_inpaint as inpaint
    import diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img as plain_img2img
    import diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint as plain_inpaint
    for module in (img2img, inpaint, plain_img2img, plain_inpaint):
        module.randn_tensor = lambda shape, **_: noise.expand(shape).clone()
        module.retrieve_latents = lambda encoded, generator=None, sample_mode="mode": encoded.latent_dist.mode()
    run("img2img", StableDiffusionControlNetImg2ImgPipeline(**parts, controlnet=nets[0]), image=picture,
        control_image=maps[0], strength=0.6, steps=5)
    run("img2img-window", StableDiffusionControlNetImg2ImgPipeline(**parts, controlnet=nets[0]), image=picture,
        control_image=maps[0], strength=0.8, steps=5, control_guidance_end=0.6)
    run("inpaint", StableDiffusionControlNetInpaintPipeline(**parts, controlnet=nets[0]), image=picture, mask_image=mask,
        control_image=maps[0], strength=1.0)
    run("inpaint-9", StableDiffusionInpaintPipeline(**(parts | dict(unet=wide))), image=picture, mask_image=mask,
        strength=1.0, height=16, width=16, **start)
    begun = dict(image=picture, mask_image=mask, height=16, width=16)
    run("img2img-plain", StableDiffusionImg2ImgPipeline(**parts), EulerDiscreteScheduler, image=picture, strength=0.75)
    run("inpaint-plain", StableDiffusionInpaintPipeline(**parts), EulerDiscreteScheduler, strength=0.75, **begun)
    run("inpaint-9-part", StableDiffusionInpaintPipeline(**(parts | dict(unet=wide))), strength=0.75, **begun)
    run("inpaint-9-control", StableDiffusionControlNetInpaintPipeline(**(parts | dict(unet=wide)), controlnet=nets[0]),
        control_image=maps[0], **begun)
    # Samplers that ask twice in a step, or that count their steps, by the plain pipelines and by those with a ControlNet.
    painted, inpainted = StableDiffusionImg2ImgPipeline(**parts), StableDiffusionInpaintPipeline(**parts)
    plms = dict(scheduler_class=PNDMScheduler, scheduler_options=dict(skip_prk_steps=True))
    run("img2img-plms", painted, image=picture, strength=0.5, **plms)
    run("img2img-pndm", painted, PNDMScheduler, image=picture, strength=0.5)
    run("img2img-lms", painted, LMSDiscreteScheduler, image=picture, strength=0.6, steps=5)
    run("inpaint-heun", inpainted, HeunDiscreteScheduler, strength=0.75, **begun)
    run("inpaint-dpm2", inpainted, KDPM2DiscreteScheduler, strength=1.0, **begun)
    run("inpaint-plms", inpainted, strength=1.0, **begun, **plms)
    run("inpaint-pndm", inpainted, PNDMScheduler, strength=0.75, **begun)
    run("inpaint-heun-window", StableDiffusionControlNetInpaintPipeline(**parts, controlnet=nets[0]), HeunDiscreteScheduler,
        control_image=maps[0], control_guidance_start=0.3, control_guidance_end=0.8, strength=0.75, **begun)
    # From files: one picture of bytes, as the command line reads it.
    tensors["in.bytes"] = (picture[:1] * 255).round()
    alone = dict(prompt_embeds=positive[:1], negative_prompt_embeds=negative[:1])
    one_picture, one_mask = tensors["in.bytes"] / 255, dict(mask_image=mask[:1], height=16, width=16)
    noise = noise[:1]
    run("file-img2img", StableDiffusionImg2ImgPipeline(**parts), image=one_picture, strength=0.75, **alone)
    run("file-inpaint", StableDiffusionInpaintPipeline(**parts), image=one_picture, strength=0.75, **one_mask, **alone)
    run("file-inpaint-9", StableDiffusionInpaintPipeline(**(parts | dict(unet=wide))), image=one_picture, **one_mask, **alone)
    run("file-edit", instruct, image=one_picture, image_guidance_scale=2.0, latents=noise, **alone)
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 8, 4
    noise = tensors["in.noise"]
    run("tiles", StableDiffusionImg2ImgPipeline(**parts), image=picture, strength=0.5)
    save_file({k: v.contiguous().float() for k, v in tensors.items()}, str(OUT / "runs.safetensors"))
    for key, value in tensors.items():
        print(key, tuple(value.shape), f"{value.float().abs().max():.3f}", file=sys.stderr)


main()
