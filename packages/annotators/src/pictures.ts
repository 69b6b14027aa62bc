import { ControlNetError, type Image, type NetworkLook } from "@controlnet-js/core";
import {
  assertImage,
  type ByteImage,
  padToMultiple,
  resizePlane,
  resizeToResolution,
} from "@controlnet-js/preprocessors";
import { type Tensor, type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";

/** A picture as a network looks at it, and the way back. */
export interface SizedPicture {
  image: ByteImage;
  /** Pixels of the picture for each pixel of `image`. */
  scaleX: number;
  scaleY: number;
  /** A plane of floats of `image`'s size at the picture's size. */
  restore(plane: Image<Float32Array>): Image<Float32Array>;
}

const MULTIPLE = 64;
const DEFAULT_RESOLUTION = 512;

/**
 * Checks the options when a network is opened.
 * @throws ControlNetError `config`
 */
export function assertResolution(where: string, { resolution }: NetworkLook): void {
  if (resolution === undefined || resolution === "picture") return;
  if (!Number.isInteger(resolution) || resolution < MULTIPLE || resolution > 4096)
    throw new ControlNetError(
      "config",
      `${where}: expected a resolution of ${MULTIPLE} to 4096 pixels or "picture", got ${resolution}`,
    );
}

/**
 * Brings an RGB picture to the size at which a network looks at it.
 * @throws ControlNetError `shape` for another number of channels
 */
export function sizedPicture(
  where: string,
  picture: Image,
  { sized, resolution = sized ? "picture" : DEFAULT_RESOLUTION }: NetworkLook,
): SizedPicture {
  assertImage(where, picture, [3]);
  const { width, height } = picture;
  if (resolution === "picture") {
    const image = padToMultiple(picture, MULTIPLE);
    return { image, scaleX: 1, scaleY: 1, restore: (plane) => cropPlane(plane, width, height) };
  }
  const image = resizeToResolution(picture, resolution);
  const isSame = image.width === width && image.height === height;
  return {
    image,
    scaleX: width / image.width,
    scaleY: height / image.height,
    restore: (plane) => (isSame ? plane : resizePlane(plane, width, height, "bilinear")),
  };
}

/** The upper left part of a plane. */
function cropPlane(
  { data, width }: Image<Float32Array>,
  toWidth: number,
  toHeight: number,
): Image<Float32Array> {
  const part = new Float32Array(toWidth * toHeight);
  for (let y = 0; y < toHeight; y++) part.set(data.subarray(y * width, y * width + toWidth), y * toWidth);
  return { data: part, width: toWidth, height: toHeight, channels: 1 };
}

/** Pixels as a tensor `[1, height, width, channels]` of floats; the caller disposes it. */
export const asTensor = ({ data, width, height, channels }: Image | Image<Float32Array>): Tensor4D =>
  tensor4d(data instanceof Float32Array ? data : Float32Array.from(data), [1, height, width, channels]);

/** The values of a tensor `[1, height, width, channels]`, which is disposed. */
export async function readMaps(tensor: Tensor): Promise<Image<Float32Array>> {
  const [, height, width, channels] = tensor.shape as [number, number, number, number];
  const data = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return { data, width, height, channels };
}
