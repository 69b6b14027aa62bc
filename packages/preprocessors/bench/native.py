"""Native OpenCV, one thread: answers each line {size, name, seconds} with the milliseconds of the case at its best."""
import json
import math
import sys
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
photograph = np.fromfile(sys.argv[1], np.uint8).reshape(512, 512, 3)
FLAGS = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC,
         "lanczos4": cv2.INTER_LANCZOS4, "area": cv2.INTER_AREA}
LIMBS = [(1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
         (0, 14), (14, 16), (0, 15), (15, 17)]


def best(action, seconds):
    times = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times) * 1e3


def poses(size):
    canvas = np.zeros((size, size, 3), np.uint8)
    for person in range(4):
        body = [((i * 37 + person * 101) % 97 / 97 * size, (i * 61 + person * 53) % 89 / 89 * size) for i in range(18)]
        for from_, to in LIMBS:
            (ax, ay), (bx, by) = body[from_], body[to]
            axes = (int(math.hypot(ax - bx, ay - by) / 2), 4)
            angle = int(math.degrees(math.atan2(ay - by, ax - bx)))
            polygon = cv2.ellipse2Poly((int((ax + bx) / 2), int((ay + by) / 2)), axes, angle, 0, 360, 1)
            cv2.fillConvexPoly(canvas, polygon, (10, 90, 150))
        for x, y in body:
            cv2.circle(canvas, (int(x), int(y)), 4, (255, 0, 80), -1)
    return canvas


def cases_of(size):
    rgb = np.ascontiguousarray(np.tile(photograph, (size // 512, size // 512, 1)))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, 200, 400)
    cases = {
        "canny, rgb": lambda: cv2.Canny(rgb, 100, 200),
        "canny, grey": lambda: cv2.Canny(grey, 100, 200),
        "hough lines": lambda: cv2.HoughLines(edges, 1, np.pi / 180, 100),
        "hough segments": lambda: cv2.HoughLinesP(edges, 1, np.pi / 180, 80, minLineLength=30, maxLineGap=5),
        "four poses": lambda: poses(size),
    }
    for name, flag in FLAGS.items():
        for direction, scale in (("down", 5 / 8), ("up", 3 / 2)):
            side = int(size * scale)
            cases[f"{name} {direction}"] = lambda flag=flag, side=side: cv2.resize(rgb, (side, side), interpolation=flag)
    return cases


known = {}
print("ready", cv2.__version__, flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    size = asked["size"]
    if size not in known:
        known[size] = cases_of(size)
    print(best(known[size][asked["name"]], asked["seconds"]), flush=True)
