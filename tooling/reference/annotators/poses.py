"""Fixtures for decoding: what controlnet_aux 0.0.10 finds in heat maps drawn here, through stand-in networks.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/poses.py
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
import types  # noqa: E402

sys.modules.setdefault("matplotlib", types.ModuleType("matplotlib"))
from arrays import write_arrays  # noqa: E402
from controlnet_aux.mlsd.utils import pred_lines  # noqa: E402
from controlnet_aux.open_pose import util  # noqa: E402
from controlnet_aux.open_pose.body import Body, BodyResult, Keypoint  # noqa: E402
from controlnet_aux.open_pose.hand import Hand  # noqa: E402
from skimage import data  # noqa: E402

out = Path(__file__).parents[3] / "packages/annotators/fixtures"
LIMBS = [[2, 3], [2, 6], [3, 4], [4, 5], [6, 7], [7, 8], [2, 9], [9, 10], [10, 11], [2, 12], [12, 13], [13, 14], [2, 1], [1, 15], [15, 17], [1, 16], [16, 18], [3, 17], [6, 18]]
FIELDS = [[31, 32], [39, 40], [33, 34], [35, 36], [41, 42], [43, 44], [19, 20], [21, 22], [23, 24], [25, 26], [27, 28], [29, 30], [47, 48], [49, 50], [53, 54], [51, 52], [55, 56], [37, 38], [45, 46]]
STANDING = np.array([[50, 12], [50, 25], [40, 26], [35, 40], [33, 54], [60, 26], [65, 40], [67, 54], [44, 55], [43, 75], [43, 93], [56, 55], [57, 75], [57, 93], [47, 9], [53, 9], [43, 11], [57, 11]]) / 100
random = np.random.default_rng(7)
photo = np.ascontiguousarray(data.astronaut())


class Replies(torch.nn.Module):
    """A network that answers with what was drawn for the size that it is asked."""

    def __init__(self, draw):
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(1))
        self.draw, self.asked, self.replies = draw, [], []

    def forward(self, x):
        self.asked.append(x.numpy()[0].transpose(1, 2, 0))
        reply = self.draw(x.shape[2] // 8, x.shape[3] // 8)
        self.replies.append(reply)
        tensors = [torch.from_numpy(np.float32(r) / np.float32(1000)).permute(2, 0, 1)[None] for r in reply]
        return tensors[0] if len(tensors) == 1 else tuple(tensors)


def draw_people(people, size, noise):
    """Heat maps of joints and fields of limbs in thousandths: `people` are joints in parts of the picture, or NaN."""

    def draw(height, width):
        ys, xs = np.mgrid[:height, :width]
        heat, field = np.zeros((height, width, 19)), np.zeros((height, width, 38))
        scale = 0.5 * 368 / size[0] / 8 * np.array([size[1], size[0]])
        for person in people:
            at = person * scale
            for part, (x, y) in enumerate(at):
                if not np.isnan(x):
                    blob = (0.7 + 0.3 * random.random()) * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 2)
                    heat[..., part] = np.maximum(heat[..., part], blob)
            for (a, b), channels in zip(LIMBS, FIELDS):
                start, end = at[a - 1], at[b - 1]
                if np.isnan(start[0]) or np.isnan(end[0]):
                    continue
                length = np.linalg.norm(end - start) + 1e-6
                along = (end - start) / length
                t = (xs - start[0]) * along[0] + (ys - start[1]) * along[1]
                across = np.abs((xs - start[0]) * along[1] - (ys - start[1]) * along[0])
                near = (t > -1) & (t < length + 1) & (across < 1.2)
                for c, value in zip(channels, along):
                    field[..., c - 19][near] = value
        heat += noise * random.random(heat.shape)
        field += noise * random.normal(size=field.shape)
        return np.rint(field * 1000).astype(np.int32), np.rint(heat * 1000).astype(np.int32)

    return draw


def person(centre, height, missing=(), stretch=1.0):
    joints = centre + (STANDING - [0.5, 0.5]) * [height * stretch, height] + random.normal(0, 0.004, (18, 2))
    joints[list(missing)] = np.nan
    return joints


scenes = {
    "one": ((256, 256), [person([0.5, 0.5], 0.9)], 0),
    "three": ((192, 320), [person([0.2, 0.5], 0.8, [4, 16], 0.6), person([0.45, 0.52], 0.9, [10, 13, 17], 0.5), person([0.75, 0.45], 0.7, [0, 14, 15], 0.6)], 0.03),
    "no-neck": ((200, 160), [person([0.5, 0.5], 0.95, [1])], 0),
    "crossing": ((240, 240), [person([0.42, 0.5], 0.9), person([0.56, 0.5], 0.9)], 0.05),
    "scraps": ((160, 208), [person([0.3, 0.5], 0.9, range(3, 18)), person([0.7, 0.5], 0.9, [0, *range(4, 18)])], 0.02),
    "nobody": ((128, 128), [], 0.02),
}
arrays, found = {}, {}
for key, (size, people, noise) in scenes.items():
    image = np.ascontiguousarray(photo[::2, ::2] if key == "one" else photo[: size[0], : size[1]])
    body = object.__new__(Body)
    body.model = Replies(draw_people(people, size, noise))
    candidate, subset = body(image[:, :, ::-1].copy())
    arrays[f"{key}.limbs"], arrays[f"{key}.joints"] = body.model.replies[0]
    if key == "one":
        arrays["one.photo"], arrays["one.asked"] = image, body.model.asked[0]
    results = Body.format_body_result(candidate, subset)
    found[key] = {
        "height": size[0],
        "width": size[1],
        "candidates": len(candidate),
        "people": [
            {
                "score": r.total_score,
                "parts": r.total_parts,
                "body": [k and [float(k.x), float(k.y), float(k.score)] for k in r.keypoints],
                "hands": util.handDetect(r, image),
            }
            for r in results
        ],
    }
    print(key, len(candidate), [(round(r.total_score, 2), r.total_parts) for r in results])


def draw_hand(joints, ghosts):
    def draw(height, width):
        ys, xs = np.mgrid[:height, :width]
        heat = np.zeros((height, width, 22))
        for part, (x, y) in enumerate(joints * [width, height]):
            if not np.isnan(x):
                heat[..., part] = 0.9 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * (width / 46) ** 2 * 1.5))
            if part in ghosts:
                gx, gy = ghosts[part][0] * width, ghosts[part][1] * height
                heat[..., part] += 0.5 * np.exp(-((xs - gx) ** 2 + (ys - gy) ** 2) / (2 * (width / 46) ** 2))
        return (np.rint(heat * 1000).astype(np.int32),)

    return draw


joints = random.uniform(0.1, 0.9, (21, 2))
joints[[3, 11]] = np.nan
hand = object.__new__(Hand)
hand.model = Replies(draw_hand(joints, {0: (0.2, 0.8), 5: (0.9, 0.1), 11: (0.99, 0.01)}))
crop = np.ascontiguousarray(photo[20:117, 150:247])
peaks = hand(crop[:, :, ::-1].copy())
arrays["hand.crop"] = crop
for i, (reply,) in enumerate(hand.model.replies):
    arrays[f"hand.heat{i}"] = reply
arrays["hand.asked0"] = hand.model.asked[0][:48, :48]
arrays["hand.peaks"] = peaks.astype(np.int32)


def draw_lines(height, width):
    """Output of M-LSD in thousandths: logits of centres, then displacements to both ends."""
    height, width = height * 4, width * 4
    field = np.zeros((height, width, 9))
    field[..., 0] = -4 + random.normal(0, 0.5, (height, width))
    field[..., 1:5] = random.normal(0, 0.4, (height, width, 4))
    for _ in range(40):
        y, x = random.integers(0, height), random.integers(0, width)
        field[y, x, 0] = random.uniform(-2, 5)
        end = random.uniform(-12, 12, 2)
        field[y, x, 1:5] = [-end[0], -end[1], end[0], end[1]]
    return (np.rint(field * 1000).astype(np.int32),)


network = Replies(draw_lines)
image = np.ascontiguousarray(photo[:128, :192])
for name, value, distance in [("few", 0.3, 5.0), ("default", 0.1, 0.1)]:
    network.replies.clear()
    random = np.random.default_rng(11)
    lines = pred_lines(image, network, [128, 192], value, distance)
    arrays["lines.out"] = network.replies[0][0]
    arrays[f"lines.{name}"] = np.float64(lines)
    print("lines", name, len(lines))

(out / "decoding.json").write_text(json.dumps({"scenes": found}))
write_arrays(out / "decoding.bin.gz", arrays, "controlnet_aux 0.0.10, scipy 1.17.1, OpenCV 5.0.0")
