import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertChoice } from "../assert-choice.js";
import { type ByteImage, blankImage } from "../image.js";
import { assertDepth, valueRange } from "./depth.js";

/** What {@link normalFromDepth} can be asked. */
export interface NormalOptions {
  /**
   * In both forms a surface that looks to the left is red, up green, to the front blue. `"1.0"` (default): slopes of
   * the raw depth, so that its scale matters (ControlNet `annotator/midas`; that network was fed the channels in the
   * order z, y, x: see `channelOrder`). `"1.1"`: slopes of the depth in [0, 1] over the short side, so that neither
   * its scale nor the picture's size matters.
   */
  form?: "1.0" | "1.1";
  /** `"zyx"` is what the first normal ControlNet was trained with. Default `"xyz"`. */
  channelOrder?: "xyz" | "zyx";
  /** How flat the surface is: the size of z beside the slopes. Default 2 pi. */
  strength?: number;
  /** Points farther than this, in [0, 1] of the depth range, are background and look straight ahead. Default 0.1. */
  backgroundThreshold?: number;
}

/**
 * Surface normals from inverse depth by a 3x3 Sobel operator with mirrored borders, as colours:
 * `normal * 127.5 + 127.5`.
 * @param depth `[height, width, 1]`: inverse depth, which grows towards the camera
 * @returns `[height, width, 3]`
 * @throws ControlNetError `shape` or `range`
 */
export function normalFromDepth(depth: Image<Float32Array>, options: NormalOptions = {}): ByteImage {
  assertDepth("normalFromDepth", depth);
  const { form = "1.0", channelOrder = "xyz", strength = 2 * Math.PI, backgroundThreshold = 0.1 } = options;
  assertChoice("normalFromDepth", "form", form, ["1.0", "1.1"]);
  assertChoice("normalFromDepth", "channelOrder", channelOrder, ["xyz", "zyx"]);
  if (!(strength > 0) || !Number.isFinite(strength))
    throw new ControlNetError("range", `normalFromDepth: expected a strength above 0, got ${strength}`);
  if (!(backgroundThreshold >= 0 && backgroundThreshold <= 1))
    throw new ControlNetError(
      "range",
      `normalFromDepth: expected a backgroundThreshold in [0, 1], got ${backgroundThreshold}`,
    );
  const { data, width, height } = depth;
  const [low, high] = valueRange(data);
  const f = Math.fround;
  const span = f(high - low) || 1;
  const slope = form === "1.0" ? 1 : Math.min(width, height) / 8 / span;
  const red = channelOrder === "xyz" ? 0 : 2;
  const map = blankImage(width, height, 3);
  const nearest = f(backgroundThreshold);
  const z = f(strength);
  const smoothed = (start: number, left: number, middle: number, right: number) => {
    const centre = data[start + middle]!;
    return f(f(data[start + left]! + centre) + f(centre + data[start + right]!));
  };
  const mirror = (i: number, size: number) => (size === 1 ? 0 : i < 0 ? 1 : i >= size ? size - 2 : i);
  for (let row = 0, i = 0; row < height; row++) {
    const above = mirror(row - 1, height) * width;
    const below = mirror(row + 1, height) * width;
    const here = row * width;
    for (let column = 0; column < width; column++, i++) {
      const left = mirror(column - 1, width);
      const right = mirror(column + 1, width);
      let x = 0;
      let y = 0;
      // In 32-bit floats as the annotator computes: on flat ground the last bit decides between 254 and 255.
      if (f(f(data[i]! - low) / span) >= nearest) {
        const before = f(data[above + right]! - data[above + left]!);
        const after = f(data[below + right]! - data[below + left]!);
        x = f(f(before + after) + 2 * f(data[here + right]! - data[here + left]!));
        y = f(smoothed(below, left, column, right) - smoothed(above, left, column, right));
      }
      x = f(x * slope);
      y = f(y * slope);
      const length = f(Math.sqrt(f(f(f(x * x) + f(y * y)) + f(z * z))));
      map.data[i * 3 + red] = f(f(f(x / length) * 127.5) + 127.5);
      map.data[i * 3 + 1] = f(f(f(y / length) * 127.5) + 127.5);
      map.data[i * 3 + 2 - red] = f(f(f(z / length) * 127.5) + 127.5);
    }
  }
  return map;
}
