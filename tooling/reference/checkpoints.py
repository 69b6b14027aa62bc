"""Writes packages/checkpoints/fixtures: files of the published formats, made by the published libraries.

Run from the repository root: tooling/reference/.venv/bin/python tooling/reference/checkpoints.py
Made with torch 2.15.0 and safetensors 0.8.0.
"""

import argparse
import collections
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

out = Path(__file__).resolve().parents[2] / "packages" / "checkpoints" / "fixtures"
out.mkdir(parents=True, exist_ok=True)


def mixed():
    generator = torch.Generator().manual_seed(1)
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    return {
        "conv.weight": normal(5, 3, 3, 3),
        "conv.bias": normal(5).half(),
        "linear.weight": normal(4, 7).bfloat16(),
        "double": normal(2, 2).double(),
        "step": torch.tensor(1234567890123),
        "ids": torch.arange(6, dtype=torch.int32).reshape(2, 3),
        "short": torch.tensor([-3, 4], dtype=torch.int16),
        "bytes": torch.tensor([0, 127, 255], dtype=torch.uint8),
        "signed": torch.tensor([-128, 127], dtype=torch.int8),
        "mask": torch.tensor([True, False, True]),
        "empty": torch.zeros(0, 4),
        "näme \"x\"": torch.tensor(0.5),
    }


def safetensors():
    save_file(mixed(), out / "mixed.safetensors", metadata={"format": "pt"})


def pytorch():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "every_other": base[::2, ::3],
        "permuted": torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        "channels_last": mixed()["conv.weight"].reshape(1, 5, 3, 9).contiguous(memory_format=torch.channels_last),
        "same": base,
        "parameter": torch.nn.Parameter(torch.tensor([1.5, -2.5])),
        "scalar": torch.tensor(7.0),
        "one": torch.zeros(1, 1).t(),
    }
    contents = {
        "mixed": mixed(),
        "views": views,
        "lightning": {
            "epoch": 6,
            "global_step": 840000,
            "pytorch-lightning_version": "1.4.2",
            "state_dict": collections.OrderedDict(
                {"model.diffusion_model.time_embed.0.weight": base.half(), "betas": torch.tensor([0.5])}
            ),
            "optimizer_states": [{"state": {0: {"exp_avg": base}}, "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.999)}]}],
            "loops": {"big": 2**80, "none": None, "set": {1, 2}, "bytes": b"ab", "numpy": np.float64(3.5), "array": np.arange(3)},
            "device": torch.device("cpu"),
            "dtype": torch.float16,
            "size": torch.Size([1, 2]),
            "args": argparse.Namespace(a=1),
        },
        "module": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict(),
    }
    for name, value in contents.items():
        torch.save(value, out / f"{name}.ckpt")
    torch.save(mixed(), out / "protocol4.pth", pickle_protocol=4)
    torch.save(views, out / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.serialization.set_crc32_options(False)
    torch.save(views, out / "no-checksums.pth")
    torch.serialization.set_crc32_options(True)
    torch.save({"expanded": torch.zeros(1).expand(1000)}, out / "expanded.pth")
    torch.save({"sparse": torch.zeros(2, 2).to_sparse()}, out / "sparse.pth")
    torch.save(torch.nn.Linear(1, 1), out / "whole-module.pth")
    rare = {"u": torch.tensor([1, 65535], dtype=torch.uint16), "f8": torch.ones(3).to(torch.float8_e4m3fn)}
    torch.save(rare, out / "rare-types.pth")
    save_file(rare, out / "rare-types.safetensors")
    # What the readers must give for them, bit for bit.
    save_file({k: v.detach().contiguous().clone() for k, v in views.items()}, out / "views.safetensors")
    save_file({k: v.contiguous() for k, v in contents["module"].items()}, out / "module.safetensors")


if __name__ == "__main__":
    torch.manual_seed(0)
    safetensors()
    pytorch()
    for file in out.iterdir():
        file.chmod(0o644)
    print(f"wrote {out} with torch {torch.__version__}", file=sys.stderr)
