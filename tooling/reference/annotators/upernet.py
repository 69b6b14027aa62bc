"""Fixtures for UPerNet: what transformers 5.23.0 computes with torch 2.15.0 and made weights.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/upernet.py
cases.json holds configs, names and shapes, upernet.bin.gz pictures and what comes out of them; folder/ is a whole model as
transformers saves it, pytorch_model.bin.gz its weights as torch saves them. resize.json has checksums of its picture at other sizes; Pillow 13.0.0 resizes all of them.
"""
import gzip
import io
import json
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
from arrays import write_arrays  # noqa: E402
from skimage import data  # noqa: E402
from safetensors.torch import load_file
from transformers import ConvNextConfig, SwinConfig, UperNetConfig, UperNetForSemanticSegmentation  # noqa: E402
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil  # noqa: E402
from weights import fill  # noqa: E402

ALL = ["stage1", "stage2", "stage3", "stage4"]
CASES = {
    # Deepest features of 2x2, which the pyramid covers with 6x6 windows.
    "square": dict(
        backbone=dict(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1], out_features=ALL),
        head=dict(hidden_size=12, num_labels=9, auxiliary_channels=6),
        size=(64, 64),
        picture=(70, 50),
    ),
    # Sizes that no stage divides: 23x30, 11x15, 5x7, 2x3.
    "odd": dict(
        backbone=dict(hidden_sizes=[6, 10, 14, 18], depths=[2, 1, 1, 1], out_features=ALL, layer_scale_init_value=1.0),
        head=dict(hidden_size=8, num_labels=10, use_auxiliary_head=False),
        size=(95, 123),
        picture=(61, 97),
    ),
    # Other settings: no layer scale, three stages, the stem's result, other windows and patches that are not square.
    "settings": dict(
        backbone=dict(
            hidden_sizes=[6, 8, 10], depths=[1, 2, 1], num_stages=3, patch_size=[3, 2], layer_scale_init_value=0.0,
            out_indices=[0, 1, 3],
        ),
        head=dict(hidden_size=7, num_labels=5, pool_scales=[1, 4], auxiliary_channels=4),
        size=(38, 29),
        picture=(44, 33),
    ),
    # A Swin whose patches, windows and 2x2 pixels all need padding: 13x10, 7x5, 4x3.
    "swin": dict(
        backbone=dict(
            embed_dim=8, depths=[2, 3, 2], num_heads=[1, 2, 4], window_size=4, mlp_ratio=2.3, layer_norm_eps=1e-3,
            out_features=["stage1", "stage2", "stage3"],
        ),
        head=dict(hidden_size=9, num_labels=8, auxiliary_channels=4),
        size=(50, 37),
        picture=(72, 64),
    ),
}


def made(backbone, head):
    config = (SwinConfig if "window_size" in backbone else ConvNextConfig)(**backbone)
    model = UperNetForSemanticSegmentation(UperNetConfig(backbone_config=config, **head))
    return model, fill(model)


def saved_names(model):
    """The name in a folder's weights of each tensor in memory whose name differs there; made values tell them apart."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = load_file(f"{folder}/model.safetensors")
    renamed = {}
    for name, tensor in model.state_dict().items():
        if name not in saved:
            (renamed[name],) = (key for key, value in saved.items() if torch.equal(value, tensor))
    return renamed


def look(model, processor, picture):
    """The picture as the network sees it, the head's logits, those in the picture's size, each pixel's class."""
    seen = {}
    hook = model.decode_head.register_forward_hook(lambda module, inputs, output: seen.update(head=output))
    pixels = processor(Image.fromarray(picture), return_tensors="pt").pixel_values
    with torch.no_grad():
        outputs = model(pixels)
    hook.remove()
    (labels,) = processor.post_process_semantic_segmentation(outputs, target_sizes=[picture.shape[:2]])
    return pixels, seen["head"], outputs.logits, labels.numpy()


def nhwc(tensor):
    return tensor.permute(0, 2, 3, 1).contiguous().numpy()[0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(__file__).parents[3] / "packages/annotators/fixtures/upernet"
    photo = data.astronaut()[:400:2, 100:420:2]
    arrays, cases = {}, {}
    for key, case in CASES.items():
        model, tensors = made(case["backbone"], case["head"])
        height, width = case["size"]
        processor = SegformerImageProcessorPil(size={"height": height, "width": width})
        picture = np.ascontiguousarray(photo[: case["picture"][0], : case["picture"][1]])
        pixels, head, logits, labels = look(model, processor, picture)
        arrays[f"{key}.picture"], arrays[f"{key}.head"] = picture, nhwc(head)
        arrays[f"{key}.labels"] = labels.astype(np.uint8)
        if key == "settings":
            arrays[f"{key}.pixels"], arrays[f"{key}.logits"] = nhwc(pixels), nhwc(logits)
        cases[key] = {
            "config": json.loads(model.config.to_json_string()),
            "preprocessor": json.loads(processor.to_json_string()),
            "tensors": tensors,
            "saved": saved_names(model),
        }
        print(key, tuple(head.shape), float(head.abs().max()), "classes", len(np.unique(labels)))

    backbone = dict(hidden_sizes=[4, 5, 6, 7], depths=[1, 1, 2, 1], out_features=ALL)
    model, _ = made(backbone, dict(hidden_size=4, num_labels=11, auxiliary_channels=2))
    processor = SegformerImageProcessorPil(size={"height": 80, "width": 72})
    picture = arrays["folder.picture"] = np.ascontiguousarray(photo[20:110, 10:80])
    _, _, _, labels = look(model, processor, picture)
    arrays["folder.labels"] = labels.astype(np.uint8)
    model.save_pretrained(out / "folder")
    processor.save_pretrained(out / "folder")
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    (out / "pytorch_model.bin.gz").write_bytes(gzip.compress(file.getvalue(), mtime=0))
    print("folder", "classes", len(np.unique(labels)))
    resized = []
    for width, height in [(45, 60), (37, 19), (200, 50), (33, 300), (130, 170), (90, 31), (7, 120), (89, 115), (60, 121), (179, 41)]:
        for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"):
            made_picture = Image.fromarray(picture).resize((width, height), Image.Resampling[name.upper()])
            resized.append([width, height, name, zlib.crc32(made_picture.tobytes())])
    (out / "resize.json").write_text(json.dumps(resized))
    (out / "cases.json").write_text(json.dumps(cases))
    write_arrays(out / "upernet.bin.gz", arrays, "transformers 5.23.0, torch 2.15.0, Pillow 13.0.0")
