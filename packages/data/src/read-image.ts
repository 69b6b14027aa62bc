import { readFile } from "node:fs/promises";
import type { Image } from "@controlnet-js/core";
import sharp, { type Sharp, type SharpOptions } from "sharp";
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

const formats: readonly string[] = ["png", "jpeg", "webp"];

const unreadable = (file: string, reason: string, cause?: unknown): SampleError =>
  new SampleError(
    { code: "format", message: `${file}: unreadable image (${reason})`, file, skippable: true },
    { cause },
  );

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim();

// "error" also refuses files cut short, yet accepts the harmless oddities of many cameras.
const inputOptions = (maxPixels: number): SharpOptions => ({ limitInputPixels: maxPixels, failOn: "error" });

/**
 * Reads an image file and its header.
 * @param maxPixels files that claim more pixels are refused before they are decoded
 * @throws SampleError `missing` or `format`, both skippable
 */
export async function openImage(file: string, maxPixels: number): Promise<OpenedImage> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const message = `${file}: cannot read the image (${reasonOf(cause)})`;
    throw new SampleError({ code: "missing", message, file, skippable: true }, { cause });
  }
  try {
    const { format, autoOrient } = await sharp(bytes, inputOptions(maxPixels)).metadata();
    if (!formats.includes(format)) throw new Error(`expected PNG, JPEG or WebP, got ${format}`);
    return { file, bytes, width: autoOrient.width, height: autoOrient.height, maxPixels };
  } catch (cause) {
    throw unreadable(file, reasonOf(cause), cause);
  }
}

async function decode(opened: OpenedImage, pipeline: Sharp): Promise<Image> {
  try {
    const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      width: info.width,
      height: info.height,
      channels: info.channels,
    };
  } catch (cause) {
    throw unreadable(opened.file, reasonOf(cause), cause);
  }
}

/**
 * Decodes a picture to RGB bytes `[height, width, 3]`: upright, over white where transparent, scaled (Lanczos) to
 * cover `resolution` and cropped around the centre.
 * @throws SampleError `format`
 */
export async function decodePicture(opened: OpenedImage, resolution: Resolution): Promise<Image> {
  const pipeline = sharp(opened.bytes, inputOptions(opened.maxPixels))
    .autoOrient()
    .flatten({ background: "#ffffff" })
    .resize({ ...resolution, fit: "cover", position: "centre", kernel: "lanczos3", fastShrinkOnLoad: false })
    .toColourspace("srgb");
  return withChannels(await decode(opened, pipeline), 3);
}

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
  // Map values are data, not colours: an embedded profile must not change them.
  const source = () => sharp(opened.bytes, { ...inputOptions(opened.maxPixels), ignoreIcc: true });
  const wrong = (message: string) =>
    new SampleError({
      code: "shape",
      message: `${opened.file}: ${message}`,
      file: opened.file,
      skippable: false,
    });
  let isOpaque: boolean;
  try {
    isOpaque = !(await source().metadata()).hasAlpha || (await source().stats()).isOpaque;
  } catch (cause) {
    throw unreadable(opened.file, reasonOf(cause), cause);
  }
  if (!isOpaque) throw wrong("the map has transparent pixels; flatten it over its background first");
  const pipeline = source()
    .autoOrient()
    .removeAlpha()
    .resize({
      ...resolution,
      fit: "cover",
      position: "centre",
      kernel: rules.resize === "nearest" ? "nearest" : "linear",
      fastShrinkOnLoad: false,
    })
    .toColourspace("srgb");
  const map = withChannels(await decode(opened, pipeline), rules.channels);
  if (map.channels !== rules.channels)
    throw wrong(
      `condition "${rules.name}": expected a map of ${rules.channels} channels, got ${map.channels}`,
    );
  return map;
}

/** Grey to three equal channels, or three equal channels to grey; anything else comes back as it is. */
function withChannels(image: Image, channels: number): Image {
  const { data, width, height } = image;
  const pixels = width * height;
  if (image.channels === 1 && channels === 3) {
    const rgb = new Uint8Array(pixels * 3);
    for (let i = 0; i < pixels; i++) rgb.fill(data[i]!, i * 3, i * 3 + 3);
    return { data: rgb, width, height, channels };
  }
  if (image.channels === 3 && channels === 1) {
    const grey = new Uint8Array(pixels);
    for (let i = 0; i < pixels; i++) {
      grey[i] = data[i * 3]!;
      if (data[i * 3 + 1] !== grey[i] || data[i * 3 + 2] !== grey[i]) return image;
    }
    return { data: grey, width, height, channels };
  }
  return image;
}
