"""Weights that both sides make from a tensor's name and shape alone, so that no large file is stored."""
import math
import zlib

import numpy as np
import torch


def uniform(name, count):
    """Numbers in [0, 1) of 24 bits: a 32-bit hash of the tensor's name and each element's index."""
    with np.errstate(over="ignore"):
        x = np.uint32(zlib.crc32(name.encode())) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x85EBCA6B)
        x ^= x >> np.uint32(13)
        x *= np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**24


def made_weight(name, shape):
    """Kernels keep the size of what passes through them; HED's projections are small, so that its sigmoid has slopes."""
    u = uniform(name, math.prod(shape))
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith(".weight")):
        values = 0.5 + u
    elif len(shape) == 1:
        values = (2 * u - 1) * 0.1
    else:
        gain = 0.01 if name.endswith("projection.weight") else 1
        values = (2 * u - 1) * (math.sqrt(6 / math.prod(shape[1:])) * gain)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fill(model):
    """Gives every tensor of a model its made values; returns their names and shapes."""
    state = model.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(made_weight(name, tuple(tensor.shape)))
    model.eval()
    return {name: list(tensor.shape) for name, tensor in state.items()}
