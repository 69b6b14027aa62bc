"""Fixtures for Hough lines and segments, by OpenCV 4.14.0: .venv-opencv4/bin/python preprocessors/hough.py
(--check with 5.0.0.93 says where the two differ)."""
import json
import sys

import cv2
import numpy as np
from canny import out, read_arrays

pictures = read_arrays(f"{out}/pictures.bin.gz")
D = np.pi / 180
segments, lines = [], []
for name in ("astronaut", "coffee", "rocket", "camera", "page", "drawing", "houses", "noise", "checker", "ramp", "one", "row", "flat"):
    picture = pictures[name] if pictures[name].shape[2] == 3 else np.ascontiguousarray(pictures[name][:, :, 0])
    edges = cv2.Canny(picture, 100, 200)
    for rho, theta, threshold, length, gap in ((1, D, 50, 30, 10), (1, D, 20, 10, 3), (2, D * 2, 15, 5, 1), (0.5, D / 2, 10, 20, 5), (1, D, 10, 0, 0)):
        found = cv2.HoughLinesP(edges, rho, theta, threshold, minLineLength=length, maxLineGap=gap)
        segments.append([name, rho, theta, threshold, length, gap, [] if found is None else found.reshape(-1, 4).tolist()])
    for rho, theta, threshold in ((1, D, 40), (2, D * 3, 30), (0.7, D / 2, 25)):
        found = cv2.HoughLines(edges, rho, theta, threshold)
        flat = [] if found is None else found.reshape(-1, 2)[:60].tolist()
        lines.append([name, rho, theta, threshold, 0 if found is None else len(found), flat])
result = {"note": f"HoughLinesP and HoughLines of OpenCV {cv2.__version__} on Canny(100, 200)", "segments": segments, "lines": lines}
if "--check" in sys.argv:
    stored = json.load(open(f"{out}/hough.json"))
    for kind in ("segments", "lines"):
        print(cv2.__version__, kind, [a[:5] for a, b in zip(json.loads(json.dumps(result))[kind], stored[kind]) if a != b])
else:
    with open(f"{out}/hough.json", "w") as file:
        json.dump(result, file, separators=(",", ":"))
