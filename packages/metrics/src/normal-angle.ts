import type { Image } from "@controlnet-js/core";
import { assertSameSize } from "./same-size.js";

/**
 * The mean angle between the normals of two maps, in degrees, 0 to 180; a normal is `rgb / 127.5 - 1`, of any length.
 * @param found `[height, width, 3]`
 * @param wanted `[height, width, 3]`, its axes in the same order
 * @throws ControlNetError `shape` where the sizes differ or there are fewer channels
 */
export function normalAngle(found: Image, wanted: Image): number {
  const pixels = assertSameSize("normalAngle", found, wanted, 3);
  let sum = 0;
  for (let i = 0; i < pixels; i++) {
    let [dot, a, b] = [0, 0, 0];
    for (let c = 0; c < 3; c++) {
      const x = found.data[i * found.channels + c]! / 127.5 - 1;
      const y = wanted.data[i * wanted.channels + c]! / 127.5 - 1;
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    sum += Math.acos(Math.min(1, Math.max(-1, dot / Math.sqrt(a * b))));
  }
  return ((sum / pixels) * 180) / Math.PI;
}
