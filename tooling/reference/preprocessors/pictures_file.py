"""Writes pictures.bin.gz (scikit-image's photographs, cropped; drawings by OpenCV; noise by NumPy)."""
import os

import cv2
import numpy
import skimage
from arrays import write_arrays
from pictures import pictures

out = os.path.join(os.path.dirname(__file__), "../../../packages/preprocessors/fixtures")
versions = f"opencv {cv2.__version__}, scikit-image {skimage.__version__}, numpy {numpy.__version__}"
write_arrays(f"{out}/pictures.bin.gz", pictures(), versions)
