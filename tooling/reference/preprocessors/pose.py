"""Fixtures for pose drawing. v1.1 is drawn by controlnet_aux 0.0.10, v1.0 by the published steps of the first
ControlNet with OpenCV's own calls: .venv/bin/python preprocessors/pose.py"""
import colorsys
import importlib.util
import json
import math
import os
import sys
import types

import cv2
import numpy as np

# controlnet_aux asks matplotlib for one colour conversion only.
colors = types.SimpleNamespace(hsv_to_rgb=lambda hsv: np.array(colorsys.hsv_to_rgb(*hsv)))
sys.modules["matplotlib"] = types.SimpleNamespace(colors=colors)

import controlnet_aux.open_pose as open_pose  # noqa: E402
from arrays import write_arrays  # noqa: E402
from canny import out  # noqa: E402
from controlnet_aux.open_pose.body import BodyResult, Keypoint  # noqa: E402

LIMBS = [(2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14), (2, 1), (1, 15), (15, 17), (1, 16), (16, 18)]
COLOURS = [tuple(int(c[i : i + 2], 16) for i in (0, 2, 4)) for c in "FF0000 FF5500 FFAA00 FFFF00 AAFF00 55FF00 00FF00 00FF55 00FFAA 00FFFF 00AAFF 0055FF 0000FF 5500FF AA00FF FF00FF FF00AA FF0055".split()]
random = np.random.default_rng(3)


def points(count, centre, spread, missing):
    found = (centre + random.normal(0, spread, (count, 2))).round(2)
    return [None if random.random() < missing else [float(x), float(y)] for x, y in found]


def scene(width, height, people, spread, missing, hands, face):
    made = []
    for _ in range(people):
        centre = random.uniform([0.2 * width, 0.2 * height], [0.8 * width, 0.8 * height])
        person = {"body": points(18, centre, spread, missing)}
        if hands:
            person["leftHand"] = points(21, centre - 20, spread / 3, 0)
            person["rightHand"] = points(21, centre + 20, spread / 3, 0)
        if face:
            person["face"] = points(70, centre, spread / 2, 0)
        made.append(person)
    return {"width": width, "height": height, "people": made}


def draw_new(scene):
    w, h = scene["width"], scene["height"]
    # A little is added so that the division and the multiplication by the canvas do not fall below a whole pixel.
    keypoints = lambda given: None if given is None else [None if p is None else Keypoint(p[0] / w, p[1] / h) for p in given]
    poses = [
        open_pose.PoseResult(BodyResult(keypoints(p["body"]), 0, 0), keypoints(p.get("leftHand")), keypoints(p.get("rightHand")), keypoints(p.get("face")))
        for p in scene["people"]
    ]
    return open_pose.draw_poses(poses, h, w)


def draw_first(scene):
    canvas = np.zeros((scene["height"], scene["width"], 3), np.uint8)
    for i in range(18):
        for person in scene["people"]:
            if person["body"][i]:
                cv2.circle(canvas, tuple(int(v) for v in person["body"][i]), 4, COLOURS[i], thickness=-1)
    for (a, b), colour in zip(LIMBS, COLOURS):
        for person in scene["people"]:
            p, q = person["body"][a - 1], person["body"][b - 1]
            if not p or not q:
                continue
            layer = canvas.copy()
            length = math.hypot(p[0] - q[0], p[1] - q[1])
            angle = int(math.degrees(math.atan2(p[1] - q[1], p[0] - q[0])))
            middle = (int((p[0] + q[0]) / 2), int((p[1] + q[1]) / 2))
            cv2.fillConvexPoly(layer, cv2.ellipse2Poly(middle, (int(length / 2), 4), angle, 0, 360, 1), colour)
            canvas = cv2.addWeighted(canvas, 0.4, layer, 0.6, 0)
    return canvas


scenes = [
    scene(256, 192, 1, 40, 0, False, False),
    scene(256, 256, 2, 50, 0.2, True, False),
    scene(192, 256, 1, 60, 0.1, True, True),
    scene(300, 200, 4, 70, 0.3, False, True),
    scene(128, 128, 1, 90, 0, True, True),
    scene(160, 160, 0, 1, 0, False, False),
]
arrays = {}
for i, s in enumerate(scenes):
    arrays[f"{i} 1.1"] = draw_new(s)
    arrays[f"{i} 1.0"] = draw_first(s)
write_arrays(f"{out}/pose.bin.gz", arrays, f"controlnet_aux 0.0.10 and OpenCV {cv2.__version__}")
with open(f"{out}/pose.json", "w") as file:
    json.dump({"note": "scenes drawn in pose.bin.gz", "scenes": scenes}, file, separators=(",", ":"))
