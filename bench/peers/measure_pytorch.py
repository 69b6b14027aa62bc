"""Measures one case in PyTorch or diffusers: python measure_pytorch.py CASE CALLS WARM_UP; prints JSON."""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

torch.manual_seed(0)


def convolution(side, channels, gradients):
    x = torch.randn(1, channels, side, side)
    kernel = torch.randn(channels, channels, 3, 3) * (9 * channels) ** -0.5
    bias = torch.randn(channels)
    upstream = torch.randn_like(x)
    return operation(lambda *a: F.conv2d(*a, padding=1), [x, kernel, bias], upstream if gradients else None)


def operation(fn, inputs, upstream=None):
    if upstream is None:

        def forward():
            with torch.no_grad():
                fn(*inputs)

        return forward
    inputs = [x.requires_grad_() for x in inputs]
    return lambda: torch.autograd.grad(fn(*inputs), inputs, upstream)


def heads():
    return [torch.randn(1, 8, 4096, 40) for _ in range(3)]


def norm(fn, x, gradients):
    upstream = torch.randn_like(x) if gradients else None
    return operation(fn, [x, torch.randn(320), torch.randn(320)], upstream)


def group_norm(gradients):
    return norm(lambda x, w, b: F.group_norm(x, 32, w, b), torch.randn(1, 320, 64, 64), gradients)


def layer_norm(gradients):
    return norm(lambda x, w, b: F.layer_norm(x, (320,), w, b), torch.randn(1, 4096, 320), gradients)


def toy():
    x = torch.randn(16, 64, 16, 16)
    kernel = torch.randn(64, 64, 3, 3, requires_grad=True)
    bias = torch.zeros(64, requires_grad=True)

    def step():
        h = x
        for _ in range(20):
            h = F.relu(F.conv2d(h, kernel, bias, padding=1)) / 3
        torch.autograd.grad(h.mean(), [kernel, bias])

    return step


def unet(**config):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**{"cross_attention_dim": 768, **config}).eval().requires_grad_(False)


def controlnet(base, **config):
    from diffusers import ControlNetModel

    return ControlNetModel.from_unet(base, **config)


def inputs(batch=1, side=64, tokens=77, features=768, map_side=512):
    return (
        torch.randn(batch, 4, side, side),
        torch.randn(batch, tokens, features),
        torch.rand(batch, 3, map_side, map_side),
    )


def controlled(base, net, latents, context, hint):
    down, middle = net(latents, 10, context, controlnet_cond=hint, return_dict=False)
    return base(
        latents,
        10,
        context,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
    ).sample


def without_gradients(fn):
    def run():
        with torch.no_grad():
            fn()

    return run


def sd_unet():
    base = unet()
    latents, context, _ = inputs()
    return without_gradients(lambda: base(latents, 10, context).sample)


def sd_controlnet():
    base = unet()
    net = controlnet(base).eval()
    given = inputs()
    return without_gradients(lambda: controlled(base, net, *given))


def training(base, net, given):
    """As diffusers' train_controlnet.py: clipping to 1, AdamW with its defaults."""
    net.train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5)
    target = torch.randn_like(given[0])

    def step():
        loss = F.mse_loss(controlled(base, net, *given), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def sd_unet_bfloat16():
    base = unet().to(torch.bfloat16)
    latents, context, _ = (x.to(torch.bfloat16) for x in inputs())
    return without_gradients(lambda: base(latents, 10, context).sample)


def sd_training():
    base = unet()
    return training(base, controlnet(base), inputs())


def mixed(step):
    """As accelerate's mixed_precision="bf16"."""

    def run():
        with torch.autocast("cpu", torch.bfloat16):
            step()

    return run


def sd_training_bfloat16():
    base = unet()
    net = controlnet(base)
    return mixed(training(base.to(torch.bfloat16), net, inputs()))


def sd_training_checkpointing():
    base = unet()
    net = controlnet(base)
    base.enable_gradient_checkpointing()
    net.enable_gradient_checkpointing()
    return training(base.train(), net, inputs())


def tinyworld_training():
    base = unet(
        sample_size=16,
        block_out_channels=(64, 128, 192),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=(2, 4, 6),
    )
    net = controlnet(base, conditioning_embedding_out_channels=(16, 32, 64, 128))
    return training(base, net, inputs(16, 16, 32, 128, 128))


def load():
    """The file that our contestant wrote, into diffusers' model."""
    from safetensors.torch import load_file

    base = unet()
    return lambda: base.load_state_dict(load_file("../out/bench/unet.safetensors"))


cases = {
    **{
        f"conv-{side}{suffix}": lambda s=side, c=channels, g=bool(suffix): convolution(s, c, g)
        for side, channels in ((64, 320), (32, 640), (16, 1280))
        for suffix in ("", "-gradients")
    },
    "matmul": lambda: operation(F.linear, [torch.randn(4096, 320), torch.randn(2560, 320), torch.randn(2560)]),
    "attention": lambda: operation(F.scaled_dot_product_attention, heads()),
    "attention-gradients": lambda: operation(F.scaled_dot_product_attention, heads(), torch.randn(1, 8, 4096, 40)),
    "group-norm": lambda: group_norm(False),
    "group-norm-gradients": lambda: group_norm(True),
    "layer-norm": lambda: layer_norm(False),
    "layer-norm-gradients": lambda: layer_norm(True),
    "toy": toy,
    "load": load,
    "sd-unet": sd_unet,
    "sd-controlnet": sd_controlnet,
    "sd-training": sd_training,
    "sd-training-checkpointing": sd_training_checkpointing,
    "tinyworld-training": tinyworld_training,
    "sd-unet-bfloat16": sd_unet_bfloat16,
    "sd-training-bfloat16": sd_training_bfloat16,
    "tinyworld-training-bfloat16": lambda: mixed(tinyworld_training()),
}

name, calls, warm_up = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
work = cases[name]()
milliseconds = []
for call in range(warm_up + calls):
    start = time.perf_counter()
    work()
    if call >= warm_up:
        milliseconds.append((time.perf_counter() - start) * 1e3)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"milliseconds": milliseconds, "peakBytes": peak}))
