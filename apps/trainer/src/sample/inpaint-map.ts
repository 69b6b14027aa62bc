import { ControlNetError, type Image } from "@controlnet-js/core";
import { inpaintMap, overWhite } from "@controlnet-js/preprocessors";
import { readImage } from "@controlnet-js/preprocessors/node";
import { fitMap, roundedDown } from "./fit-map.js";
import type { MapMaker, MapRequest, PictureSize } from "./picture-options.js";
import { readMask } from "./read-mask.js";
import type { ControlArgument, SampleParameters } from "./sample-parameters.js";

/** Whether the map of a `--control` is asked to be that of the inpainting ControlNet, which a file can't hold. */
export const asksForInpainting = ({ condition, map }: ControlArgument): boolean =>
  condition === "inpaint" && map === undefined;

/**
 * Makes the map of the inpainting ControlNet, -1 where is painted anew: of `--image`, transparent there, or of that or
 * `--init-image` with `--mask`. The maker throws ControlNetError `missing` without picture or hole, else as `readMask`.
 */
export const inpaintMapMaker =
  ({ path, image }: ControlArgument, { initImage, mask }: SampleParameters): MapMaker =>
  async (request) => {
    const picture = image ?? initImage;
    if (picture === undefined)
      throw new ControlNetError(
        "missing",
        `controlnet sample: --control ${path}: --condition inpaint needs a picture: --image after it, or --init-image`,
      );
    const source = await readImage(picture, { alpha: true });
    const target = request.size ?? roundedDown(source, request.multiple);
    const hole = mask === undefined ? transparent(source) : undefined;
    if (mask === undefined && !hole?.data.includes(255))
      throw new ControlNetError(
        "missing",
        `controlnet sample: --control ${path}: --condition inpaint needs to know where to paint: give --init-image and ` +
          `--mask, or a picture that is transparent there; ${picture} is not`,
      );
    return inpaintMap(
      fitted(overWhite(source), target),
      hole ? fitted(hole, target) : await readMask(mask!, target, { beside: source, warn: alreadySaid }),
    );
  };

/** The mask lies over the initial image, too, which says what there is to say. */
const alreadySaid: MapRequest["warn"] = () => {};

/** White where the picture is transparent (alpha below 128); undefined where it has no alpha. */
function transparent({ data, width, height, channels }: Image): Image | undefined {
  if (channels !== 4) return undefined;
  const hole = Uint8Array.from({ length: width * height }, (_, i) => (data[i * 4 + 3]! < 128 ? 255 : 0));
  return { data: hole, width, height, channels: 1 };
}

function fitted(image: Image, size: PictureSize): Image {
  if (image.width === size.width && image.height === size.height) return image;
  return fitMap(image, size, image.width * image.height > size.width * size.height ? "area" : "lanczos4");
}
