import type { Image } from "@controlnet-js/core";
import {
  type ReadImageOptions,
  readImage,
  readImageBytes,
  readImageSize,
} from "@controlnet-js/preprocessors/node";
import type { Resolution } from "./dataset.js";
import type { MapRules } from "./map-rules.js";
import { SampleError } from "./sample-error.js";

/** An image file that was opened but not decoded yet. */
export interface OpenedImage {
  file: string;
  bytes: Buffer;
  /** Size in pixels as seen, after the EXIF orientation. */
  width: number;
  height: number;
  maxPixels: number;
}

const unreadable = (file: string, cause: unknown): SampleError =>
  new SampleError(
    {
      code: "format",
      message: `${file}: unreadable image (${(cause as Error).message.replace("can't read the picture: ", "")})`,
      file,
      skippable: true,
    },
    { cause },
  );

/**
 * Reads an image file and its header.
 * @param maxPixels files that claim more pixels are refused before they are decoded
 * @throws SampleError `missing` or `format`, both skippable
 */
export async function openImage(file: string, maxPixels: number): Promise<OpenedImage> {
  let bytes: Buffer;
  try {
    bytes = readImageBytes(file);
  } catch (cause) {
    const message = `${file}: ${(cause as Error).message}`;
    throw new SampleError({ code: "missing", message, file, skippable: true }, { cause });
  }
  try {
    return { file, bytes, ...(await readImageSize(bytes, { maxPixels })), maxPixels };
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function decode({ file, bytes, maxPixels }: OpenedImage, options: ReadImageOptions): Promise<Image> {
  try {
    return await readImage(bytes, { ...options, maxPixels });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/**
 * Decodes a picture to RGB bytes `[height, width, 3]` as `readImage` reads it, scaled (Lanczos) to cover `resolution` and
 * cropped around the centre.
 * @throws SampleError `format`
 */
export const decodePicture = (opened: OpenedImage, resolution: Resolution): Promise<Image> =>
  decode(opened, { cover: resolution });

/**
 * Decodes a map to bytes `[height, width, rules.channels]`, scaled by the condition's rule with the geometry of
 * {@link decodePicture}. A grey file serves a condition of three channels; a file of three equal channels serves a
 * condition of one.
 * @throws SampleError `format` for an unreadable file, `shape` for the wrong channels or a transparent map
 */
export async function decodeMap(
  opened: OpenedImage,
  resolution: Resolution,
  rules: MapRules,
): Promise<Image> {
  const wrong = (message: string) =>
    new SampleError({
      code: "shape",
      message: `${opened.file}: ${message}`,
      file: opened.file,
      skippable: false,
    });
  // Map values are data, not colours: an embedded profile must not change them.
  const values = { ignoreProfile: true, alpha: true } as const;
  const kernel = rules.resize === "nearest" ? "nearest" : "linear";
  const map = await decode(opened, { ...values, cover: resolution, kernel });
  if (map.channels === 4 && !isOpaque(await decode(opened, values)))
    throw wrong("the map has transparent pixels; flatten it over its background first");
  const result = withChannels(map, rules.channels);
  if (result.channels !== rules.channels)
    throw wrong(
      `condition "${rules.name}": expected a map of ${rules.channels} channels, got ${result.channels}`,
    );
  return result;
}

const isOpaque = ({ data }: Image): boolean => data.every((value, i) => i % 4 !== 3 || value === 255);

/** The colours without alpha; one channel where that is wanted and all three are equal. */
function withChannels(image: Image, channels: number): Image {
  const { data, width, height } = image;
  const result = new Uint8Array(width * height * (channels === 1 ? 1 : 3));
  const each = result.length / (width * height);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) {
      const value = data[i * image.channels + c]!;
      if (c < each) result[i * each + c] = value;
      else if (value !== result[i]) return { ...image, channels: 3 };
    }
  return { data: result, width, height, channels: each };
}
