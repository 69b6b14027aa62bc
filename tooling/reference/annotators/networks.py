"""Fixtures for the networks: what controlnet_aux 0.0.10 computes with torch 2.15.0 and made weights.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/networks.py
tensors.json holds the names and shapes of each file of weights; networks.bin.gz the pictures and what comes out;
*.pth.gz are files as torch saves them, with the real names and shapes; their values are all the same, which takes no room.
"""
import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
from arrays import write_arrays  # noqa: E402
from controlnet_aux.hed import ControlNetHED_Apache2, HEDdetector  # noqa: E402
from controlnet_aux.lineart import Generator, LineartDetector  # noqa: E402
from controlnet_aux.mlsd.models.mbv2_mlsd_large import MobileV2_MLSD_Large  # noqa: E402
from controlnet_aux.open_pose.model import bodypose_model, handpose_model  # noqa: E402
from skimage import data  # noqa: E402
from weights import fill  # noqa: E402

torch.set_num_threads(1)
out = Path(__file__).parents[3] / "packages/annotators/fixtures"
face = data.astronaut()[:400:4, 100:420:4]


def picture(height, width):
    return np.ascontiguousarray(face[:height, :width])


def nchw(image):
    return torch.from_numpy(image.copy()).float().permute(2, 0, 1)[None]


def nhwc(tensor):
    return tensor.permute(0, 2, 3, 1).contiguous().numpy()[0]


models = {
    "body": bodypose_model(),
    "hand": handpose_model(),
    "hed": ControlNetHED_Apache2(),
    "mlsd": MobileV2_MLSD_Large(),
    "lineart": Generator(3, 1, 3),
}
names = {key: fill(model) for key, model in models.items()}
arrays = {}
with torch.no_grad():
    image = arrays["body.in"] = picture(40, 48)
    limbs, joints = models["body"](nchw(image) / 256 - 0.5)
    arrays["body.limbs"], arrays["body.joints"] = nhwc(limbs), nhwc(joints)

    image = arrays["hand.in"] = picture(48, 40)
    arrays["hand.out"] = nhwc(models["hand"](nchw(image) / 256 - 0.5))

    image = arrays["hed.in"] = picture(64, 64)
    for i, side in enumerate(models["hed"](nchw(image))):
        arrays[f"hed.side{i}"] = nhwc(side)
    sized = {"detect_resolution": 64, "image_resolution": 64, "output_type": "np"}
    arrays["hed.map"] = HEDdetector(models["hed"])(image, **sized)
    arrays["hed.safe"] = HEDdetector(models["hed"])(image, safe=True, **sized)

    image = arrays["mlsd.in"] = picture(64, 64)
    ones = np.concatenate([image, np.ones([64, 64, 1])], axis=-1)
    arrays["mlsd.out"] = nhwc(models["mlsd"](torch.from_numpy(ones).permute(2, 0, 1)[None].float() / 127.5 - 1))

    image = arrays["lineart.in"] = picture(64, 64)
    arrays["lineart.out"] = nhwc(models["lineart"](nchw(image) / 255))
    arrays["lineart.map"] = LineartDetector(models["lineart"], None)(image, **sized)

for key in ("body", "hed", "mlsd", "lineart"):
    values = {
        name: torch.full_like(tensor, 0.001).half() if tensor.is_floating_point() else tensor
        for name, tensor in models[key].state_dict().items()
    }
    if key == "body":  # published without the blocks' names
        values = {name.split(".", 1)[1]: value for name, value in values.items()}
    file = io.BytesIO()
    torch.save(values, file)
    (out / f"{key}.pth.gz").write_bytes(gzip.compress(file.getvalue(), mtime=0))
(out / "tensors.json").write_text(json.dumps(names))
write_arrays(out / "networks.bin.gz", arrays, "controlnet_aux 0.0.10, torch 2.15.0")
for key, value in arrays.items():
    print(key, value.shape, float(np.abs(value).max()), float(value.std()))
