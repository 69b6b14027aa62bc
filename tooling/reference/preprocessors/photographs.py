"""The two photographs of docs/conditions.md, 512x512: run from the root of the repository with scikit-image 0.26.0.

astronaut: Eileen Collins, NASA, public domain. coffee: Rachel Michetti, CC0. Both are part of scikit-image.
"""
import os

import skimage
from PIL import Image

data = os.path.join(os.path.dirname(skimage.__file__), "data")
for name, box in (("astronaut", (0, 0, 512, 512)), ("coffee", (100, 0, 500, 400))):
    picture = Image.open(os.path.join(data, f"{name}.png")).convert("RGB").crop(box)
    picture.resize((512, 512), Image.LANCZOS).save(f"docs/conditions/{name}.jpg", quality=88)
