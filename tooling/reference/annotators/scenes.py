"""Fixtures for the models of the Hugging Face hub that see depth and classes: how transformers 5.23.0 prepares pictures for them
with Pillow 13.0.0, and what becomes of their outputs.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/scenes.py
scenes.json holds processors' configs, the size of what each makes of a picture and its checksum; for those that a model of
onnx_models.py follows, scenes.bin.gz holds the depth map or the classes that come out. sizes.json holds the sides of
pictures of many sizes.
"""
import json
import random
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from skimage import data
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
from arrays import write_arrays  # noqa: E402

PROCESSORS = {
    "Segformer": SegformerImageProcessorPil,
    "DPT": DPTImageProcessorPil,
    "MobileNetV2": MobileNetV2ImageProcessorPil,
    "Beit": BeitImageProcessorPil,
    "ViT": ViTImageProcessorPil,
}
PHOTO = data.astronaut()[40:146:2, 220:342:2].copy()
# Patches of other hues, so that every class is somewhere.
for y, x in np.ndindex(PHOTO.shape[:2]):
    PHOTO[y, x] = np.roll(PHOTO[y, x], (y // 7 + x // 9) % 3)
TALL, WIDE = (53, 40), (37, 61)
DPT = {"image_processor_type": "DPTImageProcessor"}
DEPTH_ANYTHING = {
    **DPT, "size": {"height": 42, "width": 42}, "keep_aspect_ratio": True, "ensure_multiple_of": 14, "resample": 3,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}
SEGFORMER = {"image_processor_type": "SegformerImageProcessor"}
# A config, the picture's size, and the output to keep: depth (the model gives red) or classes (4x4 means of the channels).
CASES = [
    (DEPTH_ANYTHING, TALL, "depth"),
    (DEPTH_ANYTHING, WIDE, "depth"),
    # No side becomes 50: the picture's ratio is lost a little.
    ({**DEPTH_ANYTHING, "size": {"height": 50, "width": 50}, "image_processor_type": "DPTImageProcessorFast"}, WIDE, "depth"),
    ({**DPT, "size": {"height": 45, "width": 60}, "ensure_multiple_of": 14}, TALL, "depth"),
    ({**DPT, "size": 32, "keep_aspect_ratio": True}, WIDE, "depth"),
    ({**DPT, "do_resize": False, "do_pad": True, "size_divisor": 14}, TALL, "depth"),
    ({"feature_extractor_type": "DPTFeatureExtractor"}, (8, 9), None),
    ({**SEGFORMER, "size": 32, "do_reduce_labels": True, "feature_extractor_type": None}, TALL, "classes"),
    ({"feature_extractor_type": "SegformerFeatureExtractor", "size": {"height": 24, "width": 40}, "reduce_labels": True}, WIDE, "classes"),
    ({**SEGFORMER, "size": {"shortest_edge": 30}, "resample": 3}, WIDE, "classes"),
    ({**SEGFORMER, "size": {"shortest_edge": 30, "longest_edge": 41}, "resample": 4}, TALL, "classes"),
    ({**SEGFORMER, "size": {"max_height": 64, "max_width": 50}, "resample": 5}, TALL, "classes"),
    ({**SEGFORMER, "size": [28, 36], "resample": 0}, WIDE, "classes"),
    ({**SEGFORMER, "do_resize": False, "do_normalize": False}, WIDE, "classes"),
    ({**SEGFORMER, "size": 32, "do_rescale": False, "image_mean": [123.675, 116.28, 103.53], "image_std": [58.395, 57.12, 57.375]}, TALL, "classes"),
    ({**SEGFORMER, "size": 32, "do_rescale": False, "do_normalize": False}, TALL, "classes"),
    ({**SEGFORMER, "size": 32, "image_mean": 0.5, "image_std": 0.25, "rescale_factor": 1 / 127.5}, TALL, "classes"),
    (SEGFORMER, (12, 10), None),
    ({"image_processor_type": "MobileNetV2ImageProcessor", "size": 30, "crop_size": 32}, WIDE, "classes"),
    ({"image_processor_type": "MobileNetV2ImageProcessor", "size": {"shortest_edge": 32}, "crop_size": {"height": 45, "width": 29}}, TALL, "classes"),
    ({"image_processor_type": "BeitImageProcessor", "size": 33, "do_center_crop": True, "crop_size": 32}, TALL, None),
    ({"image_processor_type": "ViTImageProcessor"}, (9, 8), None),
]


def made(config):
    name = config.get("image_processor_type") or config.get("feature_extractor_type")
    return next(made for key, made in PROCESSORS.items() if name.startswith(key)).from_dict(dict(config))


def outcome(kind, processor, pixels, size):
    if kind == "depth":
        outputs = SimpleNamespace(predicted_depth=pixels[:, 0])
        depth = processor.post_process_depth_estimation(outputs, [size])[0]["predicted_depth"].numpy()
        # As DepthEstimationPipeline makes a picture of it.
        return ((depth - depth.min()) / (depth.max() - depth.min()) * 255).astype("uint8")
    outputs = SimpleNamespace(logits=torch.nn.functional.avg_pool2d(pixels, 4))
    return processor.post_process_semantic_segmentation(outputs, [size])[0].numpy().astype(np.uint8)


def sides(rng):
    """A random size of a processor, a picture's and what it becomes, as (width, height)."""
    side = lambda: rng.randint(1, 700)
    width, height = side(), side()
    if rng.random() < 0.1:
        height = width
    kind = rng.choice(["ratio", "ratio", "multiple", "short", "bounded", "bounds"])
    if kind in ("ratio", "multiple"):
        config = {
            **DPT, "size": {"height": side(), "width": side()}, "keep_aspect_ratio": kind == "ratio",
            "ensure_multiple_of": rng.choice([1, 14, 14, 32]),
        }
        if rng.random() < 0.5:
            config["size"] = {"height": 518, "width": 518}
    else:
        short = side()
        config = {**SEGFORMER, "size": {
            "short": {"shortest_edge": short},
            "bounded": {"shortest_edge": short, "longest_edge": rng.randint(1, 900)},
            "bounds": {"max_height": side(), "max_width": side()},
        }[kind]}
    try:
        array = made(config)(Image.new("RGB", (width, height)), return_tensors="np").pixel_values
    except ValueError:
        return config, width, height, None
    return config, width, height, array.shape[:1:-1]


if __name__ == "__main__":
    out = Path(__file__).parents[3] / "packages/annotators/fixtures/transformers"
    arrays, cases = {}, []
    for i, (config, (height, width), kind) in enumerate(CASES):
        picture = np.ascontiguousarray(PHOTO[:height, :width])
        processor = made(config)
        pixels = torch.from_numpy(np.stack(processor(Image.fromarray(picture)).pixel_values)).float()
        cases.append({
            "config": config, "width": width, "height": height, "size": list(pixels.shape[:1:-1]),
            "checksum": zlib.crc32(pixels.numpy().tobytes()), **({"outcome": kind} if kind else {}),
        })
        if kind:
            arrays[f"{i}.outcome"] = outcome(kind, processor, pixels, (height, width))
            print(i, kind, tuple(pixels.shape), len(np.unique(arrays[f"{i}.outcome"])))
    arrays["photo"] = PHOTO
    rng = random.Random(1)
    (out / "sizes.json").write_text(json.dumps([sides(rng) for _ in range(150)]))
    (out / "scenes.json").write_text(json.dumps(cases))
    write_arrays(out / "scenes.bin.gz", arrays, "transformers 5.23.0, torch 2.15.0, Pillow 13.0.0")
