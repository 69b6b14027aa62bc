"""Fixtures for Canny: pictures.bin.gz and canny.json (SHA-256 of cv2.Canny's bytes). OpenCV 4.14.0 decides;
run by 5.0.0.93 with --check to see whether the two differ. From tooling/reference:
.venv/bin/python preprocessors/pictures_file.py && .venv-opencv4/bin/python preprocessors/canny.py"""
import gzip
import hashlib
import json
import os
import struct
import sys

import cv2
import numpy as np

out = os.path.join(os.path.dirname(__file__), "../../../packages/preprocessors/fixtures")


def read_arrays(path):
    raw = gzip.open(path).read()
    (length,) = struct.unpack_from("<I", raw)
    arrays = json.loads(raw[4 : 4 + length])["arrays"]
    return {
        name: np.frombuffer(raw, a["type"], int(np.prod(a["shape"])), 4 + length + a["offset"]).reshape(a["shape"])
        for name, a in arrays.items()
    }


if __name__ == "__main__":
    cases = []
    for name, picture in read_arrays(f"{out}/pictures.bin.gz").items():
        picture = picture if picture.shape[2] == 3 else np.ascontiguousarray(picture[:, :, 0])
        for aperture in (3, 5, 7):
            for l2 in (False, True):
                for low, high in ((100, 200), (50, 50), (1, 255), (200, 100), (0, 0), (400.5, 900.7), (2000, 6000), (30, 40000)):
                    edges = cv2.Canny(picture, low, high, apertureSize=aperture, L2gradient=l2)
                    sha = hashlib.sha256(edges.tobytes()).hexdigest()[:16]
                    cases.append([name, low, high, aperture, int(l2), int((edges > 0).sum()), sha])
    if "--check" in sys.argv:
        stored = json.load(open(f"{out}/canny.json"))["cases"]
        differ = [a[:5] for a, b in zip(cases, stored) if a != b]
        print(f"OpenCV {cv2.__version__}: {len(differ)} of {len(cases)} differ", differ[:20])
    else:
        lines = ",\n".join(json.dumps(case) for case in cases)
        with open(f"{out}/canny.json", "w") as file:
            file.write('{"note": "cv2.Canny of OpenCV %s", "cases": [\n%s\n]}\n' % (cv2.__version__, lines))
        print(len(cases), "cases by OpenCV", cv2.__version__)
