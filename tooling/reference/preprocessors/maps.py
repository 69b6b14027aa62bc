"""Fixtures for the classical maps, by OpenCV and controlnet_aux 0.0.10's own helpers: .venv/bin/python preprocessors/maps.py"""
import cv2
import numpy as np
from arrays import write_arrays
from canny import out, read_arrays
from controlnet_aux.lineart_standard import LineartStandardDetector
from controlnet_aux.util import HWC3, nms, resize_image, safe_step

pictures = read_arrays(f"{out}/pictures.bin.gz")
random = np.random.default_rng(11)
arrays = {}
for name in ("astronaut", "coffee", "drawing"):
    picture = np.ascontiguousarray(pictures[name][:72, :80])
    arrays[f"{name} grey"] = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    for sigma in (1.0, 3.0, 9.0):
        arrays[f"{name} blur {sigma}"] = cv2.GaussianBlur(picture, (0, 0), sigma)
    arrays[f"{name} scribble"] = np.where(np.min(picture, axis=2) < 127, 255, 0).astype(np.uint8)
    f = picture.astype(np.float32)
    dog = (255 - np.min(cv2.GaussianBlur(f, (0, 0), 5.0) - cv2.GaussianBlur(f, (0, 0), 0.5), axis=2)).clip(0, 255).astype(np.uint8)
    arrays[f"{name} xdog"] = np.where(2 * (255 - dog) > 32, 255, 0).astype(np.uint8)
    soft = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.5), cv2.COLOR_RGB2GRAY)
    drawn = cv2.GaussianBlur(nms(soft, 127, 3.0), (0, 0), 3.0)
    arrays[f"{name} soft"] = soft
    arrays[f"{name} fake-scribble"] = np.where(drawn > 4, 255, 0).astype(np.uint8)
    _, arrays[f"{name} otsu"] = cv2.threshold(arrays[f"{name} grey"], 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    arrays[f"{name} luminance"] = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[:, :, 0].copy()
    arrays[f"{name} intensity 0.7"] = ((cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[:, :, 2].astype(np.float32) / 255.0) ** 0.7 * 255.0).clip(0, 255).astype(np.uint8)

    depth = cv2.GaussianBlur(soft.astype(np.float32), (0, 0), 2) * 0.7 + 3
    part = (depth - depth.min()) / np.float32(np.max(depth - depth.min()))
    arrays[f"{name} depth"] = depth
    arrays[f"{name} depth-map"] = (part * 255.0).clip(0, 255).astype(np.uint8)
    for threshold in (0.1, 0.4):
        x, y = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3)
        x[part < threshold] = 0
        y[part < threshold] = 0
        normal = np.stack([x, y, np.ones_like(x) * (np.pi * 2.0)], axis=2)
        normal /= np.sum(normal**2.0, axis=2, keepdims=True) ** 0.5
        arrays[f"{name} normal {threshold}"] = (normal * 127.5 + 127.5).clip(0, 255).astype(np.uint8)

rgba = np.dstack([pictures["astronaut"][:40, :40], random.integers(0, 256, (40, 40)).astype(np.uint8)])
arrays["rgba"] = rgba
arrays["over-white"] = HWC3(rgba)
probabilities = random.random((20, 20)).astype(np.float32)
arrays["edges"] = probabilities
arrays["edges safe"] = (safe_step(probabilities) * 255.0).clip(0, 255).astype(np.uint8)
arrays["edges plain"] = (probabilities * 255.0).clip(0, 255).astype(np.uint8)
arrays["resolution 64"] = resize_image(pictures["coffee"], 64)
arrays["resolution 192"] = resize_image(pictures["two"], 192)
# At this size the annotator resizes nothing before and after, so that its own steps are compared.
square = cv2.resize(pictures["chelsea"], (128, 128), interpolation=cv2.INTER_AREA)
arrays["square"] = square
arrays["lineart"] = LineartStandardDetector()(square, detect_resolution=128, output_type="np")[:, :, 0].copy()
write_arrays(f"{out}/maps.bin.gz", arrays, f"OpenCV {cv2.__version__}, controlnet_aux 0.0.10")
