import { ControlNetError, type Image } from "@controlnet-js/core";
import { resizeToResolution, sizeAtResolution } from "@controlnet-js/preprocessors";
import { MAX_SOURCE_PIXELS } from "@controlnet-js/preprocessors/node";

/**
 * The sides of a picture at `--size`, by the field's rule: the short side has that many pixels, both are rounded to
 * multiples of 64.
 * @throws ControlNetError `range` where a narrow picture would become a huge one
 */
export function sizeOf(
  file: string,
  picture: { width: number; height: number },
  resolution: number,
): { width: number; height: number } {
  const size = sizeAtResolution(picture, resolution);
  if (size.width * size.height > MAX_SOURCE_PIXELS)
    throw new ControlNetError(
      "range",
      `${file}: ${picture.width}x${picture.height} with a short side of ${resolution} pixels is ` +
        `${size.width}x${size.height}, over ${MAX_SOURCE_PIXELS} pixels; give a smaller --size, or none`,
    );
  return size;
}

/**
 * A picture at `--size`, as `resize_image` of ControlNet and controlnet_aux makes it; as it is where there is none.
 * @throws ControlNetError as {@link sizeOf}
 */
export function atSize(file: string, picture: Image, resolution: number | undefined): Image {
  if (resolution === undefined) return picture;
  const { width, height } = sizeOf(file, picture, resolution);
  return width === picture.width && height === picture.height
    ? picture
    : resizeToResolution(picture, resolution);
}
