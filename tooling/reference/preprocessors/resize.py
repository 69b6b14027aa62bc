"""Fixtures for resizing, by OpenCV 4.14.0: .venv-opencv4/bin/python preprocessors/resize.py"""
import cv2
import numpy as np
from arrays import write_arrays
from canny import out, read_arrays

METHODS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos4": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}
SIZES = {
    "astronaut": [(64, 64), (32, 32), (50, 77), (13, 150)],
    "coffee": [(48, 60)],
    "noise": [(41, 30), (90, 77)],
    "camera": [(99, 45)],
    "one": [(3, 2), (1, 1)],
    "row": [(11, 1), (40, 5)],
    "column": [(4, 7)],
    "two": [(1, 1), (7, 9)],
}

pictures = read_arrays(f"{out}/pictures.bin.gz")
arrays = {}
for name, sizes in SIZES.items():
    for w, h in sizes:
        for method, flag in METHODS.items():
            arrays[f"{name} {w} {h} {method}"] = cv2.resize(pictures[name], (w, h), interpolation=flag)
# Remapping changed in OpenCV 5; the field's shuffle was made with 4.x.
random = np.random.default_rng(5)
houses = pictures["houses"]
flow = (random.random((2, 60, 100)) * 110 - 5).astype(np.float32)
moved = {"flow": flow, "remap": cv2.remap(houses[:60].copy(), flow[0], flow[1], cv2.INTER_LINEAR)}


def noise(h, w, f):
    """`make_noise_disk` of controlnet_aux."""
    field = np.random.uniform(low=0, high=1, size=(h // f + 2, w // f + 2, 1))
    field = cv2.resize(field, (w + 2 * f, h + 2 * f), interpolation=cv2.INTER_CUBIC)[f : f + h, f : f + w]
    field -= np.min(field)
    field /= np.max(field)
    return field[:, :, None]


# `ContentShuffleDetector` of controlnet_aux.
for seed, cell in ((0, 256), (12345, 16), (2**32 - 1, 7)):
    np.random.seed(seed)
    x = noise(*houses.shape[:2], cell) * float(houses.shape[1] - 1)
    y = noise(*houses.shape[:2], cell) * float(houses.shape[0] - 1)
    both = np.concatenate([x, y], axis=2).astype(np.float32)
    moved[f"shuffle {seed} {cell}"] = cv2.remap(houses, both, None, cv2.INTER_LINEAR)
write_arrays(f"{out}/remap.bin.gz", moved, f"OpenCV {cv2.__version__}")
write_arrays(f"{out}/resize.bin.gz", arrays, f"cv2.resize of OpenCV {cv2.__version__}")
