import { readFileSync, statSync } from "node:fs";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { fromSixteenBits, type ImageHeader, overWhite, readImageHeader } from "@controlnet-js/preprocessors";
import sharp from "sharp";

/** Larger pictures are refused before they are decoded: a guard against decompression bombs. */
export const MAX_SOURCE_PIXELS = 1e8;

/** How a picture is read. */
export interface ReadSourceOptions {
  /** Keeps an alpha channel where there is one; otherwise transparent parts are laid over white. Default false. */
  alpha?: boolean;
}

/** Whether a file's name is that of a PNG, JPEG or WebP. */
export const isPictureName = (name: string): boolean => /\.(png|jpe?g|webp)$/i.test(name);

/**
 * Reads a PNG, JPEG or WebP as the field's loaders do, so that maps equal theirs in every pixel: upright, the high byte
 * of 16 bits, colour profiles ignored.
 * @returns bytes `[height, width, 3]`, or `[height, width, 4]` with `alpha`
 * @throws ControlNetError `io` or `data` naming the file
 */
export const readSource = async (file: string, options: ReadSourceOptions = {}): Promise<Image> =>
  decodeSource(readBytes(file), file, options);

/**
 * The bytes of a picture's file. Asking asynchronously costs ten times as much for a small file.
 * @throws ControlNetError `io` naming the file
 */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ControlNetError("io", `can't read the picture ${file}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Refuses what is found in a folder by a picture's name and is none: reading a pipe waits until someone writes to it.
 * @throws ControlNetError `io` naming the file
 */
export function assertFile(file: string): void {
  const entry = statSync(file, { throwIfNoEntry: false });
  if (entry && !entry.isFile())
    throw new ControlNetError("io", `can't read the picture ${file}: expected a file, found something else`);
}

/**
 * {@link readSource} of a file's bytes.
 * @throws ControlNetError `data` naming the file
 */
export async function decodeSource(
  bytes: Buffer,
  file: string,
  { alpha = false }: ReadSourceOptions = {},
): Promise<Image> {
  try {
    const image = await decode(bytes);
    return alpha && image.channels === 4 ? image : overWhite(image);
  } catch (cause) {
    throw new ControlNetError("data", `can't read the picture ${file}: ${reasonOf(cause as Error)}`, {
      cause,
    });
  }
}

/** What sharp says; of most broken PNG files that alone tells a user nothing. */
function reasonOf({ message }: Error): string {
  const said = message.replaceAll(/\s+/g, " ").trim().replace(/:$/, "");
  const isVague = /^(Unknown error|Input buffer has corrupt header|vipspng: libpng read error)$/.test(said);
  return isVague ? `the file is broken or cut (${said})` : said;
}

async function decode(bytes: Buffer): Promise<Image> {
  const limits = { limitInputPixels: MAX_SOURCE_PIXELS, failOn: "error" } as const;
  const { bits, isCmyk, width, height } = await header(bytes);
  if (width * height > MAX_SOURCE_PIXELS)
    throw new Error(
      `${width}x${height} is over the limit of ${MAX_SOURCE_PIXELS} pixels; make it smaller first`,
    );
  const upright = sharp(bytes, { ...limits, ignoreIcc: true }).autoOrient();
  if (isCmyk) {
    const { data, info } = await upright
      .pipelineColourspace("cmyk")
      .toColourspace("cmyk")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return withoutInks(data, info.width, info.height);
  }
  if (bits === 16) {
    const { data, info } = await upright
      .toColourspace("rgb16")
      .raw({ depth: "ushort" })
      .toBuffer({ resolveWithObject: true });
    const samples = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
    return withColour(fromSixteenBits(samples, info.width, info.height, info.channels));
  }
  const { data, info } = await upright
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return withColour({
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    width: info.width,
    height: info.height,
    channels: info.channels,
  });
}

/** What the file says of itself: sharp's own look at it takes a tenth of the time of decoding a small photograph. */
async function header(bytes: Buffer): Promise<ImageHeader> {
  try {
    return readImageHeader(bytes);
  } catch (cause) {
    const { format } = await sharp(bytes).metadata();
    if (["png", "jpeg", "webp"].includes(format)) throw cause;
    throw new Error(`expected PNG, JPEG or WebP, got ${format}`);
  }
}

/** CMYK as RGB by the plain product of what the inks let through, as Pillow has it; OpenCV's may be off by one level. */
function withoutInks(inks: Uint8Array, width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; i < inks.length; i += 4)
    for (let c = 0; c < 3; c++) data[j++] = Math.round(((255 - inks[i + c]!) * (255 - inks[i + 3]!)) / 255);
  return { data, width, height, channels: 3 };
}

/** Grey with alpha as RGBA; anything else as it is. */
function withColour(image: Image): Image {
  if (image.channels !== 2) return image;
  const { data, width, height } = image;
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0, j = 0; i < data.length; i += 2, j += 4) {
    rgba.fill(data[i]!, j, j + 3);
    rgba[j + 3] = data[i + 1]!;
  }
  return { data: rgba, width, height, channels: 4 };
}
