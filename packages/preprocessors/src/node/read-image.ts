import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import sharp, { type Sharp } from "sharp";
import { fromSixteenBits, overWhite } from "../alpha.js";
import { fileProfile, pngWithProfile } from "../colour/file-profile.js";
import { isSrgb } from "../colour/icc-profile.js";
import type { ByteImage } from "../image.js";
import { type ImageHeader, readImageHeader } from "../image-header.js";

/** Larger pictures are refused before they are decoded, unless told otherwise: a guard against decompression bombs. */
export const MAX_SOURCE_PIXELS = 1e8;

/** How {@link readImage} reads. */
export interface ReadImageOptions {
  /** Keeps an alpha channel where there is one; otherwise transparent parts are laid over white. Default false. */
  alpha?: boolean;
  /** Keeps the numbers of the file, whatever its colour profile says: for maps, which hold values. Default false. */
  ignoreProfile?: boolean;
  /** Scales to cover this size, in pixels, and crops around the centre. Default: the file's size. */
  cover?: { width: number; height: number };
  /** How `cover` scales: Lanczos for pictures (the default), linear or nearest for maps. */
  kernel?: "lanczos3" | "linear" | "nearest";
  /** Pictures of more pixels are refused. Default {@link MAX_SOURCE_PIXELS}. */
  maxPixels?: number;
  /** What error messages call a picture that is given by its bytes. */
  name?: string;
}

/** Whether a file's name is that of a PNG, JPEG or WebP. */
export const isPictureName = (name: string): boolean => /\.(png|jpe?g|webp)$/i.test(name);

/** What no picture of {@link MAX_SOURCE_PIXELS} has. */
const MAX_FILE_BYTES = 2 ** 30;

/**
 * Reads a PNG, JPEG or WebP: upright by its EXIF orientation, converted to sRGB by its colour profile (ICC, or a PNG's
 * `cICP`, `gAMA` and `cHRM`), the high byte of 16 bits, of an animation the first picture. A file that says nothing of its
 * colours, or that they are sRGB, keeps its bytes; inks (CMYK) without a profile are multiplied, as the field's loaders do.
 * @param file a path, or a file's bytes
 * @returns bytes `[height, width, 3]`, or `[height, width, 4]` with `alpha`
 * @throws ControlNetError `io` for what can't be read or is no regular file, `data` for a broken or cut picture or another
 * format, `range` for one that is too large, each naming the file
 */
export async function readImage(
  file: string | Uint8Array,
  options: ReadImageOptions = {},
): Promise<ByteImage> {
  const { name = typeof file === "string" ? file : undefined } = options;
  const bytes = typeof file === "string" ? readImageBytes(file) : file;
  return naming(name, async () => {
    const image = await decode(bytes, options);
    return options.alpha && image.channels === 4 ? image : overWhite(image);
  });
}

/**
 * Reads the size of a picture without decoding it, in pixels, as it is seen upright.
 * @throws ControlNetError as {@link readImage}
 */
export async function readImageSize(
  file: string | Uint8Array,
  options: Pick<ReadImageOptions, "maxPixels" | "name"> = {},
): Promise<{ width: number; height: number }> {
  const { name = typeof file === "string" ? file : undefined } = options;
  const bytes = typeof file === "string" ? readImageBytes(file) : file;
  return naming(name, async () => {
    await headerOf(bytes, options.maxPixels);
    const { width, height } = (await sharp(bytes, { limitInputPixels: false }).metadata()).autoOrient;
    return { width, height };
  });
}

/**
 * The bytes of a picture's file. Asking asynchronously costs ten times as much for a small file.
 * @throws ControlNetError `io` naming the file, for one that is not regular, too
 */
export function readImageBytes(file: string): Buffer<ArrayBuffer> {
  try {
    // Opening a pipe would wait until someone writes to it.
    const opened = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const entry = fstatSync(opened);
      if (!entry.isFile()) throw new Error("expected a file, found something else");
      if (entry.size > MAX_FILE_BYTES)
        throw new Error(`expected at most ${MAX_FILE_BYTES} bytes, got ${entry.size}`);
      return readFileSync(opened);
    } finally {
      closeSync(opened);
    }
  } catch (cause) {
    throw new ControlNetError("io", `can't read the picture ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function naming<T>(name: string | undefined, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const code = isControlNetError(cause) && cause.code === "range" ? "range" : "data";
    const picture = name === undefined ? "the picture" : `the picture ${name}`;
    throw new ControlNetError(code, `can't read ${picture}: ${reasonOf(cause as Error)}`, { cause });
  }
}

/** What sharp says; of most broken PNG files that alone tells a user nothing. */
function reasonOf({ message }: Error): string {
  const said = message.replaceAll(/\s+/g, " ").trim().replace(/:$/, "");
  const isVague = /^(Unknown error|Input buffer has corrupt header|vipspng: libpng read error)$/.test(said);
  return isVague ? `the file is broken or cut (${said})` : said;
}

/** What the file says of itself: sharp's own look at it takes a tenth of the time of decoding a small photograph. */
async function headerOf(bytes: Uint8Array, maxPixels = MAX_SOURCE_PIXELS): Promise<ImageHeader> {
  let header: ImageHeader;
  try {
    header = readImageHeader(bytes);
  } catch (cause) {
    const { format } = await sharp(bytes).metadata();
    if (["png", "jpeg", "webp"].includes(format)) throw cause;
    throw new Error(`expected PNG, JPEG or WebP, got ${format}`);
  }
  const { width, height } = header;
  if (!(width * height <= maxPixels))
    throw new ControlNetError(
      "range",
      `${width}x${height} is over the limit of ${maxPixels} pixels; make it smaller first`,
    );
  return header;
}

/** RGB bytes, with alpha where there is one. */
async function decode(bytes: Uint8Array, options: ReadImageOptions): Promise<ByteImage> {
  const { ignoreProfile = false, maxPixels = MAX_SOURCE_PIXELS } = options;
  const header = await headerOf(bytes, maxPixels);
  const profile = ignoreProfile ? undefined : profileToApply(bytes, header);
  // "error" also refuses files cut short, yet accepts the harmless oddities of many cameras.
  const limits = { limitInputPixels: maxPixels, failOn: "error" } as const;
  const source = profile?.form === "made" ? pngWithProfile(bytes, profile.icc) : bytes;
  if (profile && isDeepGrey(bytes, header)) {
    // Sharp ignores the profile of deep greys.
    const grey = sharp(bytes, { ...limits, ignoreIcc: true })
      .autoOrient()
      .toColourspace("b-w");
    return decode(pngWithProfile(await grey.png({ compressionLevel: 0 }).toBuffer(), profile.icc), options);
  }
  const upright = sharp(source, { ...limits, ignoreIcc: profile === undefined }).autoOrient();
  if (options.cover)
    upright.resize({
      ...options.cover,
      fit: "cover",
      position: "centre",
      kernel: options.kernel ?? "lanczos3",
      fastShrinkOnLoad: false,
    });
  if (header.isCmyk && !profile) {
    const inks = await rawOf(upright.pipelineColourspace("cmyk").toColourspace("cmyk"));
    return withoutInks(inks);
  }
  if (header.bits !== 16) return withColour(await rawOf(upright.toColourspace("srgb")));
  // Deep pictures with a profile are worked on in Display P3 by sharp.
  if (profile) upright.withIccProfile("srgb");
  const { data, info } = await upright
    .toColourspace("rgb16")
    .raw({ depth: "ushort" })
    .toBuffer({ resolveWithObject: true });
  const samples = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return withColour(fromSixteenBits(samples, info.width, info.height, info.channels));
}

/** The profile of a file whose colours are not sRGB's already; a broken one is ignored. */
function profileToApply(bytes: Uint8Array, { format }: ImageHeader) {
  const profile = fileProfile(bytes, format);
  if (!profile) return undefined;
  try {
    const icc =
      profile.form === "deflated" ? inflateSync(profile.icc, { maxOutputLength: 2 ** 24 }) : profile.icc;
    return isSrgb(icc) ? undefined : { ...profile, icc };
  } catch {
    return undefined;
  }
}

/** Whether a file is a grey PNG of 16 bits, with or without alpha (11.2.2). */
const isDeepGrey = (bytes: Uint8Array, { format, bits }: ImageHeader): boolean =>
  format === "png" && bits === 16 && (bytes[25]! & 2) === 0;

async function rawOf(pipeline: Sharp): Promise<ByteImage> {
  const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  return {
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    width: info.width,
    height: info.height,
    channels: info.channels,
  };
}

/** CMYK as RGB by the plain product of what the inks let through, as Pillow has it; OpenCV's may be off by one level. */
function withoutInks({ data: inks, width, height }: ByteImage): ByteImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; i < inks.length; i += 4)
    for (let c = 0; c < 3; c++) data[j++] = Math.round(((255 - inks[i + c]!) * (255 - inks[i + 3]!)) / 255);
  return { data, width, height, channels: 3 };
}

/** Grey with alpha as RGBA; anything else as it is. */
function withColour(image: ByteImage): ByteImage {
  if (image.channels !== 2) return image;
  const { data, width, height } = image;
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0, j = 0; i < data.length; i += 2, j += 4) {
    rgba.fill(data[i]!, j, j + 3);
    rgba[j + 3] = data[i + 1]!;
  }
  return { data: rgba, width, height, channels: 4 };
}
