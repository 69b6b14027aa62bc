"""OpenCV's own times, one thread: the side that bench/compare.ts is measured against. Prints JSON: name -> best ms of processor time."""
import json
import math
import sys
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
raw = np.fromfile(sys.argv[1], np.uint8).reshape(128, 128, 3)


def best(action, seconds=0.6):
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.process_time()
        action()
        times.append((time.process_time() - start) * 1e3)
    return min(times)


def pose(size):
    canvas = np.zeros((size, size, 3), np.uint8)
    for person in range(4):
        joints = [((i * 37 + person * 101) % 97 / 97 * size, (i * 61 + person * 53) % 89 / 89 * size) for i in range(18)]
        for i in range(17):
            a, b = joints[i], joints[i + 1]
            length = math.hypot(a[0] - b[0], a[1] - b[1])
            angle = int(math.degrees(math.atan2(a[1] - b[1], a[0] - b[0])))
            middle = (int((a[0] + b[0]) / 2), int((a[1] + b[1]) / 2))
            cv2.fillConvexPoly(canvas, cv2.ellipse2Poly(middle, (int(length / 2), 4), angle, 0, 360, 1), (10, 90, 150))
        for x, y in joints:
            cv2.circle(canvas, (int(x), int(y)), 4, (255, 0, 80), -1)
    return canvas


results = {"version": cv2.__version__}
for size in (512, 2048):
    rgb = np.ascontiguousarray(np.tile(raw, (size // 128, size // 128, 1)))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, 200, 400)
    results[f"canny rgb {size}"] = best(lambda: cv2.Canny(rgb, 100, 200))
    results[f"canny grey {size}"] = best(lambda: cv2.Canny(grey, 100, 200))
    for name, flag in (("area", cv2.INTER_AREA), ("bilinear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC), ("lanczos4", cv2.INTER_LANCZOS4)):
        results[f"resize {name} down {size}"] = best(lambda: cv2.resize(rgb, (size * 5 // 8, size * 5 // 8), interpolation=flag))
        if size == 512:
            results[f"resize {name} up {size}"] = best(lambda: cv2.resize(rgb, (size * 3 // 2, size * 3 // 2), interpolation=flag))
    results[f"hough segments {size}"] = best(lambda: cv2.HoughLinesP(edges, 1, np.pi / 180, 80, minLineLength=30, maxLineGap=5))
    results[f"hough lines {size}"] = best(lambda: cv2.HoughLines(edges, 1, np.pi / 180, 100))
    results[f"pose {size}"] = best(lambda: pose(size))
print(json.dumps(results))
