"""Native OpenCV on a folder, one process a core: prints the seconds of only decoding it, then of making its Canny maps.

Arguments: the folder of photographs, the folder of maps, the size or 0, the number of processes. Starting them does not count.
"""
import multiprocessing
import sys
import time
from pathlib import Path

import cv2
import numpy as np

cv2.setNumThreads(1)


def resize_image(picture, resolution):
    """ControlNet's own rule (annotator/util.py)."""
    height, width = picture.shape[:2]
    scale = resolution / min(height, width)
    height, width = (int(np.round(side * scale / 64)) * 64 for side in (height, width))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LANCZOS4 if scale > 1 else cv2.INTER_AREA)


def decode(job):
    cv2.imread(job[0])


def detect(job):
    file, out, size = job
    picture = cv2.imread(file)
    if size:
        picture = resize_image(picture, size)
    cv2.imwrite(out, cv2.Canny(picture, 100, 200))


if __name__ == "__main__":
    folder, maps, size, processes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    jobs = [(str(file), str(maps / f"{file.stem}.png"), size) for file in sorted(folder.iterdir())]
    with multiprocessing.Pool(processes) as pool:
        pool.map(decode, jobs[:processes], 1)
        for work in (decode, detect):
            start = time.perf_counter()
            pool.map(work, jobs, 1)
            print(time.perf_counter() - start, flush=True)
