"""Whole trajectories of the diffusers schedulers with an analytic model, in float64.

    .venv/bin/python samplers.py [NAME ...]        (from tooling/reference; made with diffusers 0.42.1, torch 2.15, numpy 2.4)

Every scheduler computes in float32 by its own choice. Here the names float32 stand for float64 while it runs, so that
the fixtures hold what its equations give, and not its rounding.
"""

import json
import math
import pathlib
import sys
import types

import diffusers
import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "packages/samplers/fixtures"

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
        case("DDIMScheduler", **{**base, **THRESHOLD}),
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
        case("DDPMScheduler", **{**base, **THRESHOLD}),
    ]


SPREADS = [dict(use_karras_sigmas=True), dict(use_exponential_sigmas=True), dict(use_beta_sigmas=True)]
SPACINGS = [dict(timestep_spacing="trailing"), dict(timestep_spacing="linspace")]
# Limits that reach into the samples of this model, whose clean predictions are below 3.
THRESHOLD = dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.5)
AT_END = dict(use_exponential_sigmas=True, final_sigmas_type="sigma_min")
LEADING = dict(timestep_spacing="leading", steps_offset=1)
V = dict(prediction_type="v_prediction")
SAMPLE = dict(prediction_type="sample")


def cases(cls, *variants, steps=STEPS, step_args=None):
    return [case(cls, steps=steps, step_args=step_args, **{**LEADING, **variant}) for variant in variants]


def with_zero_snr(**config):
    return dict(rescale_betas_zero_snr=True, timestep_spacing="trailing", **V, **config)


GROUPS = {
    "ddim": ddim_cases,
    "ddpm": ddpm_cases,
    "plms": lambda: cases("PNDMScheduler", *[dict(skip_prk_steps=True, **v) for v in ({}, V, *SPACINGS, dict(set_alpha_to_one=True))]),
    "pndm": lambda: cases("PNDMScheduler", {}, V, steps=(5, 10, 25, 30)),
    "euler": lambda: cases("EulerDiscreteScheduler", {}, V, SAMPLE, *SPACINGS, *SPREADS, dict(final_sigmas_type="sigma_min"), with_zero_snr()),
    "euler-ancestral": lambda: cases("EulerAncestralDiscreteScheduler", {}, V, *SPACINGS, with_zero_snr()),
    "heun": lambda: cases("HeunDiscreteScheduler", {}, V, SAMPLE, *SPACINGS, *SPREADS, dict(clip_sample=True, clip_sample_range=2.0)),
    "dpm2": lambda: cases("KDPM2DiscreteScheduler", {}, V, *SPACINGS, *SPREADS),
    "dpm2-ancestral": lambda: cases("KDPM2AncestralDiscreteScheduler", {}, V, *SPACINGS, *SPREADS),
    "lms": lambda: cases("LMSDiscreteScheduler", {}, V, SAMPLE, *SPACINGS, *SPREADS),
    "dpmpp-2m": lambda: cases(
        "DPMSolverMultistepScheduler",
        *[{}, V, SAMPLE, *SPACINGS, *SPREADS, dict(use_lu_lambdas=True), with_zero_snr()],
        *[dict(solver_order=3), dict(solver_order=3, final_sigmas_type="sigma_min"), dict(solver_order=1)],
        *[dict(solver_type="heun"), dict(euler_at_final=True, final_sigmas_type="sigma_min", lower_order_final=False)],
        *[dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_type=s) for s in ("midpoint", "heun")],
        dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_order=3, **V),
        dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1, timestep_spacing="linspace"),
        *[THRESHOLD, dict(**THRESHOLD, algorithm_type="dpmsolver", final_sigmas_type="sigma_min")],
        dict(**AT_END, lower_order_final=False),
    ),
    "dpmpp-2m-sde": lambda: cases(
        "DPMSolverMultistepScheduler",
        *[dict(algorithm_type="sde-dpmsolver++", **v) for v in ({}, V, dict(use_karras_sigmas=True), dict(solver_type="heun"), dict(solver_order=3), AT_END)],
        *[dict(algorithm_type="sde-dpmsolver", final_sigmas_type="sigma_min", solver_type=s) for s in ("midpoint", "heun")],
    ),
    "dpmpp-sde": lambda: cases("DPMSolverSDEScheduler", {}, V, *SPACINGS, *SPREADS),
    "dpmpp-singlestep": lambda: [
        case("DPMSolverSinglestepScheduler", **v)
        for v in (
            *[{}, V, SAMPLE, *SPREADS, dict(solver_order=3), dict(solver_order=3, solver_type="heun"), dict(solver_order=1)],
            *[dict(solver_type="heun"), dict(lower_order_final=True, final_sigmas_type="sigma_min")],
            dict(final_sigmas_type="sigma_min", solver_order=3),
            dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_order=3),
            *[dict(algorithm_type="sde-dpmsolver++", solver_order=n) for n in (2, 3)],
            THRESHOLD,
        )
    ],
    "deis": lambda: [
        *cases("DEISMultistepScheduler", {}, V, SAMPLE, *SPACINGS, *SPREADS, dict(solver_order=3), dict(solver_order=1), dict(lower_order_final=False), THRESHOLD),
        *cases("DEISMultistepScheduler", *SPREADS, steps=(1,)),
    ],
    "unipc": lambda: cases(
        "UniPCMultistepScheduler",
        *[{}, V, SAMPLE, *SPACINGS, *SPREADS, dict(solver_order=3), dict(solver_order=4), dict(solver_order=1), dict(solver_type="bh1", final_sigmas_type="sigma_min")],
        *[dict(predict_x0=False, final_sigmas_type="sigma_min", solver_order=n) for n in (2, 3)],
        *[dict(disable_corrector=[0, 1]), with_zero_snr(), THRESHOLD],
        *[dict(**spread, sigma_min=0.05, sigma_max=10.0, final_sigmas_type="sigma_min") for spread in SPREADS],
    ),
    "lcm": lambda: [case("LCMScheduler", steps=(1, 4, 8, 30), **v) for v in ({}, V, dict(original_inference_steps=40, timestep_scaling=5.0), dict(clip_sample=True), THRESHOLD)],
    "tcd": lambda: [
        case("TCDScheduler", steps=(1, 4, 8, 30), step_args={"eta": eta}, **v) for eta, v in ((0.3, {}), (0.0, V), (1.0, SAMPLE))
    ],
}


class Path:
    """The Brownian path of DPM-Solver++ (SDE) from the shared noise: two increments a step, and their sum."""

    def __init__(self, *_):
        self.draws = iter(range(10**6))
        self.start = None

    def __call__(self, high, low):
        if self.start != float(high):
            self.start, self.middle, self.upper = float(high), float(low), noise(next(self.draws))
            return self.upper
        whole = (high - self.middle) ** 0.5 * self.upper + (self.middle - low) ** 0.5 * noise(next(self.draws))
        return whole / (high - low) ** 0.5


def scheduler_class(name):
    if name != "DPMSolverSDEScheduler":
        return getattr(diffusers, name)
    sys.modules.setdefault("torchsde", types.ModuleType("torchsde"))
    from diffusers.schedulers import scheduling_dpmsolver_sde as module

    module.BrownianTreeNoiseSampler = Path
    return module.DPMSolverSDEScheduler


WHOLE = {}


def key_of(spec, steps):
    return json.dumps([spec["cls"], spec["config"], steps], sort_keys=True)


def whole_timesteps():
    """The timesteps of every case in the precision of diffusers itself."""
    for make in GROUPS.values():
        for spec in make():
            for steps in spec["steps"]:
                scheduler = scheduler_class(spec["cls"])(**spec["config"])
                scheduler.set_timesteps(steps)
                WHOLE[key_of(spec, steps)] = scheduler.timesteps


def trajectories(specs):
    return [
        dict(
            config={"_class_name": spec["cls"], **spec["config"]},
            stepArgs=spec["step_args"],
            runs=[trajectory(spec, steps) for steps in spec["steps"]],
        )
        for spec in specs
    ]


def scheduler_of(spec, steps):
    cls = scheduler_class(spec["cls"])
    module = sys.modules[cls.__module__]
    draws = iter(range(10**6))
    module.randn_tensor = lambda shape, **_: noise(next(draws)).reshape(shape)
    scheduler = cls(**spec["config"])
    scheduler.set_timesteps(steps)
    if scheduler.timesteps.dtype == torch.int64:
        # Cutting 998.99999 or 999.0 to a whole number depends on the rounding: keep what users of diffusers get.
        scheduler.timesteps = WHOLE[key_of(spec, steps)]
    return scheduler


def trajectory(spec, steps):
    scheduler = scheduler_of(spec, steps)
    x = noise(-1) * float(scheduler.init_noise_sigma)
    points = []
    for t in scheduler.timesteps:
        output = model(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **spec["step_args"]).prev_sample
        points.append([float(f"{v:.8g}") for v in x.flatten().tolist()])
    assert np.isfinite(points).all(), spec
    return dict(steps=steps, timesteps=[round(float(t), 6) for t in scheduler.timesteps], points=points)


def from_picture(spec, steps, start, masked):
    """Image-to-image that leaves out `start` steps, or inpainting of every other value, as diffusers' pipelines go."""
    scheduler = scheduler_of(spec, steps)
    clean, first, mask = noise(-2), noise(-1), torch.tensor([1.0, 0.0] * (SIZE // 2)).reshape(1, 2, 2, 2)
    timesteps = scheduler.timesteps[start * scheduler.order :]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start * scheduler.order)
    fresh = masked and start == 0
    x = first * scheduler.init_noise_sigma if fresh else scheduler.add_noise(clean, first, timesteps[:1])
    for i, t in enumerate(timesteps):
        scaled = scheduler.scale_model_input(x, t)
        output = model(scaled, t) + 0.3 * scaled.mean()  # what is painted depends on what is known
        x = scheduler.step(output, t, x, **spec["step_args"]).prev_sample
        if masked:
            known = scheduler.add_noise(clean, first, timesteps[i + 1 : i + 2]) if i < len(timesteps) - 1 else clean
            x = (1 - mask) * known + mask * x
    assert torch.isfinite(x).all(), spec
    return dict(steps=steps, start=start, masked=masked, end=[float(f"{v:.8g}") for v in x.flatten().tolist()])


def pictures():
    """The first two cases of every sampler."""
    return [
        dict(
            config={"_class_name": spec["cls"], **spec["config"]},
            stepArgs=spec["step_args"],
            runs=[from_picture(spec, spec["steps"][1], *run) for run in ((0, True), (1, False), (3, True), (3, False))],
        )
        for make in GROUPS.values()
        for spec in make()[:2]
    ]


SD15 = {
    **{"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear"},
    **{"beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True},
    **{"steps_offset": 1, "trained_betas": None, "clip_sample": False},
}
SD21 = {**SD15, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}
SOLVER = {**SD15, "_class_name": "DPMSolverMultistepScheduler", "solver_type": "heun", "solver_order": 3, "use_karras_sigmas": True}


def full_config(name, source):
    """What diffusers makes of a config read for a class: from_config, as a pipeline's user switches the scheduler."""
    start = getattr(diffusers, source["_class_name"], diffusers.DDIMScheduler).from_config(source)
    config = {**scheduler_class(name).from_config(start.config).config, "_class_name": name}
    return {k: v for k, v in config.items() if k not in ("_use_default_values", "_diffusers_version") and v != -math.inf}


def switches():
    names = sorted({spec["cls"] for make in GROUPS.values() for spec in make()})
    sources = [{"_class_name": "PNDMScheduler"}, SD15, SD21, SOLVER]
    return [dict(source=source, name=name, full=full_config(name, source)) for source in sources for name in names]


def from_equations():
    """What diffusers has no scheduler for, by the equations: the original DDIM loop, and Euler on k-diffusion's sigmas."""
    bars = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    found = []
    for steps in STEPS:
        ts = np.arange(0, 1000, 1000 // steps) + 1
        x, points = noise(-1), []
        for i in reversed(range(len(ts))):
            bar, prev = bars[ts[i]], bars[ts[i - 1]] if i > 0 else bars[0]
            e = model(x, ts[i])
            sigma = 0.5 * math.sqrt((1 - prev) / (1 - bar) * (1 - bar / prev))
            clean = (x - math.sqrt(1 - bar) * e) / math.sqrt(bar)
            x = math.sqrt(prev) * clean + math.sqrt(1 - prev - sigma**2) * e + sigma * noise(len(ts) - 1 - i)
            points.append(x.flatten().tolist())
        found.append(dict(rule="ldm", steps=steps, timesteps=ts[::-1].tolist(), points=points))
        log_sigmas = 0.5 * np.log((1 - bars) / bars)
        ts = np.linspace(999, 0, steps)
        sigmas = [*np.exp(np.interp(ts, np.arange(1000), log_sigmas)), 0.0]
        x, points = noise(-1) * sigmas[0], []
        for i, t in enumerate(ts):
            x = x + (sigmas[i + 1] - sigmas[i]) * model(x / math.hypot(1, sigmas[i]), t)
            points.append(x.flatten().tolist())
        found.append(dict(rule="k-diffusion", steps=steps, timesteps=ts.tolist(), points=points))
    return found


def main():
    whole_timesteps()
    in_float64()
    OUT.mkdir(exist_ok=True)
    others = {"equations": from_equations, "switches": switches, "pictures": pictures}
    for name in sys.argv[1:] or [*GROUPS, *others]:
        write(name, trajectories(GROUPS[name]()) if name in GROUPS else others[name]())


def write(name, content):
    (OUT / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(name, len(content))


if __name__ == "__main__":
    main()
