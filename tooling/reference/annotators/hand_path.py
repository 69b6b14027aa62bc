"""Fixture for OpenPose from picture to map, hands included: controlnet_aux 0.0.10's detector with two made networks.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/hand_path.py
The body network answers with people drawn here. The hand network looks: means of 8x8 pixels, mixed by random weights, so
that a box, a blur or a size that differs moves every joint.
"""
import colorsys
import sys
import types
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
colours = types.ModuleType("matplotlib")
colours.colors = types.SimpleNamespace(hsv_to_rgb=lambda hsv: np.array(colorsys.hsv_to_rgb(*hsv)))
sys.modules.setdefault("matplotlib", colours)
from arrays import write_arrays  # noqa: E402
from controlnet_aux.open_pose import OpenposeDetector  # noqa: E402
from controlnet_aux.open_pose.body import Body  # noqa: E402
from controlnet_aux.open_pose.hand import Hand  # noqa: E402
from skimage import data  # noqa: E402

out = Path(__file__).parents[3] / "packages/annotators/fixtures"
RESOLUTION = 256
LIMBS = [[2, 3], [2, 6], [3, 4], [4, 5], [6, 7], [7, 8], [2, 9], [9, 10], [10, 11], [2, 12], [12, 13], [13, 14], [2, 1], [1, 15], [15, 17], [1, 16], [16, 18], [3, 17], [6, 18]]
FIELDS = [[31, 32], [39, 40], [33, 34], [35, 36], [41, 42], [43, 44], [19, 20], [21, 22], [23, 24], [25, 26], [27, 28], [29, 30], [47, 48], [49, 50], [53, 54], [51, 52], [55, 56], [37, 38], [45, 46]]
STANDING = np.array([[50, 12], [50, 25], [40, 26], [35, 40], [33, 54], [60, 26], [65, 40], [67, 54], [44, 55], [43, 75], [43, 93], [56, 55], [57, 75], [57, 93], [47, 9], [53, 9], [43, 11], [57, 11]]) / 100
random = np.random.default_rng(5)
photo = np.ascontiguousarray(data.astronaut()[40:168, 180:276])


class Network(torch.nn.Module):
    """A function of what it is asked, which it remembers."""

    def __init__(self, answer):
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(1))
        self.answer, self.asked = answer, []

    def forward(self, x):
        self.asked.append(x.numpy()[0].transpose(1, 2, 0))
        return self.answer(x)


def draw_person(joints, height, width):
    """Maps of joints and fields of limbs in thousandths; joints in cells of the maps, or NaN."""
    ys, xs = np.mgrid[:height, :width]
    heat, field = np.zeros((height, width, 19)), np.zeros((height, width, 38))
    for part, (x, y) in enumerate(joints):
        if not np.isnan(x):
            heat[..., part] = (0.8 + 0.2 * random.random()) * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 2)
    for (a, b), channels in zip(LIMBS, FIELDS):
        start, end = joints[a - 1], joints[b - 1]
        if np.isnan(start[0]) or np.isnan(end[0]):
            continue
        length = np.linalg.norm(end - start) + 1e-6
        along = (end - start) / length
        t = (xs - start[0]) * along[0] + (ys - start[1]) * along[1]
        across = np.abs((xs - start[0]) * along[1] - (ys - start[1]) * along[0])
        for c, value in zip(channels, along):
            field[..., c - 19][(t > -1) & (t < length + 1) & (across < 1.2)] = value
    return np.rint(field * 1000).astype(np.int32), np.rint(heat * 1000).astype(np.int32)


def floats(maps):
    return torch.from_numpy(np.float32(maps) / np.float32(1000)).permute(2, 0, 1)[None]


mix = random.normal(0, 2, (22, 3)).astype(np.float32)
bias = random.uniform(0, 0.4, 22).astype(np.float32)
bias[[4, 9]] = -9


def look(x):
    means = torch.nn.functional.avg_pool2d(x, 8)
    weights = torch.from_numpy(mix)[:, :, None, None]
    return torch.relu(torch.nn.functional.conv2d(means, weights, torch.from_numpy(bias)))


# Where the person stands, how large it is and what is not seen of it.
scenes = {"both": ((0.5, 0.5), 0.9, []), "edge": ((0.24, 0.62), 0.95, [6, 7, 10])}
arrays = {"photo": photo, "mix": mix, "bias": bias}
for key, (centre, size, missing) in scenes.items():
    joints = centre + (STANDING - 0.5) * [size * 1.1, size]
    joints[missing] = np.nan
    body = object.__new__(Body)
    hand = object.__new__(Hand)

    def answer(x):
        height, width = x.shape[2] // 8, x.shape[3] // 8
        drawn = draw_person(joints * [width, height], height, width)
        arrays[f"{key}.limbs"], arrays[f"{key}.joints"] = drawn
        return tuple(floats(maps) for maps in drawn)

    body.model, hand.model = Network(answer), Network(look)
    detector = OpenposeDetector(body, hand)
    arrays[f"{key}.map"] = detector(
        photo, detect_resolution=RESOLUTION, image_resolution=RESOLUTION, include_hand=True, output_type="np"
    )
    sizes = [asked.shape[:2] for asked in body.model.asked + hand.model.asked]
    arrays[f"{key}.sizes"] = np.array(sizes, np.int32)
    print(key, arrays[f"{key}.map"].shape, sizes, int((arrays[f"{key}.map"] > 0).any(axis=2).sum()))
write_arrays(out / "hand-path.bin.gz", arrays, "controlnet_aux 0.0.10, torch 2.15.0, OpenCV 5.0.0")
