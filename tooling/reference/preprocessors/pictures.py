"""The pictures that every preprocessor fixture is made of: photographs, drawings, noise and odd sizes."""
import os

import cv2
import numpy as np
import skimage
from skimage import data

folder = os.path.join(os.path.dirname(skimage.__file__), "data")


def crop(image, y, x, h, w):
    return np.ascontiguousarray(image[y : y + h, x : x + w])


def photograph(name):
    return cv2.imread(os.path.join(folder, name), cv2.IMREAD_COLOR)[:, :, ::-1]


def drawing():
    image = np.full((96, 120, 3), 255, np.uint8)
    cv2.rectangle(image, (10, 12), (60, 70), (200, 30, 30), 2)
    cv2.circle(image, (80, 48), 25, (20, 120, 220), -1)
    cv2.line(image, (0, 95), (119, 0), (0, 0, 0), 1)
    cv2.line(image, (5, 80), (110, 84), (0, 90, 0), 3)
    cv2.ellipse(image, (40, 40), (30, 12), 30, 0, 360, (90, 0, 90), 1)
    return image


def houses():
    image = np.zeros((100, 100, 3), np.uint8)
    for i in range(5):
        cv2.rectangle(image, (5 + 18 * i, 30 + 5 * i), (18 + 18 * i, 95), (60 + 30 * i, 200 - 20 * i, 120), -1)
    cv2.fillPoly(image, [np.array([[10, 30], [50, 2], [90, 30]])], (220, 180, 20))
    return image


def pictures():
    random = np.random.default_rng(7)
    ramp = np.linspace(0, 255, 65)
    soft = cv2.GaussianBlur(random.integers(0, 256, (90, 70, 3)).astype(np.uint8), (0, 0), 3)
    made = {
        "astronaut": crop(photograph("astronaut.png"), 20, 160, 128, 128),
        "coffee": crop(photograph("coffee.png"), 100, 200, 120, 97),
        "chelsea": crop(photograph("chelsea.png"), 60, 100, 111, 128),
        "rocket": crop(photograph("rocket.jpg"), 100, 280, 100, 100),
        "camera": crop(data.camera(), 60, 180, 128, 128),
        "page": crop(data.page(), 20, 60, 64, 128),
        "drawing": drawing(),
        "houses": houses(),
        "noise": random.integers(0, 256, (61, 83, 3)).astype(np.uint8),
        "noise-grey": random.integers(0, 256, (64, 64)).astype(np.uint8),
        "soft-noise": cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX),
        "ramp": np.stack([np.add.outer(ramp, ramp) / 2, np.tile(ramp, (65, 1)), np.tile(ramp[:, None], (1, 65))], 2).astype(np.uint8),
        "checker": (np.indices((33, 47)).sum(0) // 4 % 2 * 255).astype(np.uint8),
        "salt": (random.random((50, 50)) < 0.03).astype(np.uint8) * 255,
        "one": np.array([[[10, 200, 30]]], np.uint8),
        "one-grey": np.array([[77]], np.uint8),
        "row": random.integers(0, 256, (1, 37, 3)).astype(np.uint8),
        "column": random.integers(0, 256, (29, 1)).astype(np.uint8),
        "two": random.integers(0, 256, (2, 3, 3)).astype(np.uint8),
        "flat": np.full((20, 17, 3), 128, np.uint8),
    }
    return {name: value if value.ndim == 3 else value[:, :, None] for name, value in made.items()}
