import type { Image } from "@controlnet-js/core";
import { type Interpolation, resize } from "@controlnet-js/preprocessors";
import type { PictureSize } from "./picture-options.js";

/** A map cropped around its middle to the shape of `size`, then resized to it. */
export function fitMap(map: Image, size: PictureSize, method: Interpolation): Image {
  const scale = Math.min(map.width / size.width, map.height / size.height);
  const width = Math.min(map.width, Math.max(1, Math.round(size.width * scale)));
  const height = Math.min(map.height, Math.max(1, Math.round(size.height * scale)));
  return resize(cropped(map, width, height), size.width, size.height, method);
}

/** The largest size of these sides, or the smallest possible, whose sides are multiples. */
export const roundedDown = ({ width, height }: PictureSize, multiple: number): PictureSize => ({
  width: Math.max(1, Math.floor(width / multiple)) * multiple,
  height: Math.max(1, Math.floor(height / multiple)) * multiple,
});

function cropped({ data, width, height, channels }: Image, newWidth: number, newHeight: number): Image {
  const left = Math.floor((width - newWidth) / 2);
  const top = Math.floor((height - newHeight) / 2);
  const rows = new Uint8Array(newWidth * newHeight * channels);
  for (let y = 0; y < newHeight; y++) {
    const from = ((top + y) * width + left) * channels;
    rows.set(data.subarray(from, from + newWidth * channels), y * newWidth * channels);
  }
  return { data: rows, width: newWidth, height: newHeight, channels };
}
