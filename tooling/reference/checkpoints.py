"""Writes packages/checkpoints/fixtures: files of the published formats, made by the published libraries.

Run from the repository root: tooling/reference/.venv/bin/python tooling/reference/checkpoints.py
Made with torch 2.15.0 and safetensors 0.8.0.
"""

import sys
from pathlib import Path

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


if __name__ == "__main__":
    safetensors()
    print(f"wrote {out} with torch {torch.__version__}", file=sys.stderr)
