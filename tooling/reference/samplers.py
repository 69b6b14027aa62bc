"""Whole trajectories of the diffusers schedulers with an analytic model, in float64.

    .venv/bin/python samplers.py        (from tooling/reference; made with diffusers 0.42.1, torch 2.15, numpy 2.4)

Every scheduler computes in float32 by its own choice. Here the names float32 stand for float64 while it runs, so that
the fixtures hold what its equations give, and not its rounding.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "packages/samplers/src/fixtures"

import diffusers  # noqa: E402

SIZE = 8


def in_float64():
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float64
    np.float32 = np.float64
    torch.Tensor.float = torch.Tensor.double


def noise(draw):
    """The standard-normal-like numbers of a draw: the same formula is in the TypeScript test."""
    return torch.tensor([math.sqrt(2) * math.sin(12.9898 * (i + 1) + 78.233 * (draw + 1)) for i in range(SIZE)]).reshape(1, 2, 2, 2)


def model(x, t):
    t = float(t)
    return 0.6 * torch.tanh(x) + 0.3 * torch.sin(1.7 * x + t / 90)


SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
STEPS = (5, 10, 30)


def case(cls, steps=STEPS, step_args=None, **config):
    return dict(cls=cls, steps=steps, step_args=step_args or {}, config={**SD, **config})


def predictions(make):
    return [make(prediction_type=p) for p in ("epsilon", "v_prediction", "sample")]


def ddim_cases():
    base = dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    return [
        *predictions(lambda **k: case("DDIMScheduler", **{**base, **k})),
        case("DDIMScheduler", step_args={"eta": 1.0}, **base),
        case("DDIMScheduler", step_args={"eta": 0.5}, **{**base, "timestep_spacing": "trailing", "set_alpha_to_one": True}),
        case("DDIMScheduler", **{**base, "timestep_spacing": "linspace"}),
        case("DDIMScheduler", **{**base, "clip_sample": True, "clip_sample_range": 1.5}),
        case("DDIMScheduler", **{**base, "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}),
        case("DDIMScheduler", **{**base, "beta_schedule": "squaredcos_cap_v2"}),
        case(
            "DDIMScheduler",
            **{**base, "timestep_spacing": "trailing", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
        ),
    ]


def ddpm_cases():
    base = dict(clip_sample=False, steps_offset=1)
    return [
        *predictions(lambda **k: case("DDPMScheduler", **{**base, **k})),
        case("DDPMScheduler", **{**base, "variance_type": "fixed_large", "timestep_spacing": "trailing"}),
        case("DDPMScheduler", **{**base, "timestep_spacing": "linspace", "clip_sample": True}),
    ]


GROUPS = {"ddim": ddim_cases, "ddpm": ddpm_cases}


def trajectory(spec, steps):
    module = sys.modules[getattr(diffusers, spec["cls"]).__module__]
    draws = iter(range(10**6))
    module.randn_tensor = lambda shape, **_: noise(next(draws)).reshape(shape)
    scheduler = getattr(diffusers, spec["cls"])(**spec["config"])
    scheduler.set_timesteps(steps)
    x = noise(-1) * float(scheduler.init_noise_sigma)
    points = []
    for t in scheduler.timesteps:
        output = model(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **spec["step_args"]).prev_sample
        points.append([float(f"{v:.9g}") for v in x.flatten().tolist()])
    assert np.isfinite(points).all(), spec
    return dict(steps=steps, timesteps=[round(float(t), 6) for t in scheduler.timesteps], points=points)


def main():
    in_float64()
    OUT.mkdir(exist_ok=True)
    for name, make in GROUPS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        cases = [
            dict(
                config={"_class_name": spec["cls"], **spec["config"]},
                stepArgs=spec["step_args"],
                runs=[trajectory(spec, steps) for steps in spec["steps"]],
            )
            for spec in make()
        ]
        (OUT / f"{name}.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
        print(name, len(cases))


if __name__ == "__main__":
    main()
