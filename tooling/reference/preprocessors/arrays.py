"""Writes named arrays to one gzip file: a length, a JSON header, then the values, little-endian."""
import gzip
import json
import struct

import numpy as np

NAMES = {"uint8": "uint8", "int32": "int32", "float32": "float32", "float64": "float64"}


def write_arrays(path, arrays, note):
    header, parts, offset = {}, [], 0
    for name, value in arrays.items():
        value = np.ascontiguousarray(value)
        header[name] = {"type": NAMES[str(value.dtype)], "shape": list(value.shape), "offset": offset}
        raw = value.tobytes()
        raw += b"\0" * (-len(raw) % 8)
        parts.append(raw)
        offset += len(raw)
    text = json.dumps({"note": note, "arrays": header}).encode()
    text += b" " * (-(len(text) + 4) % 8)
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, compresslevel=9, filename="") as packed:
        packed.write(struct.pack("<I", len(text)) + text + b"".join(parts))
