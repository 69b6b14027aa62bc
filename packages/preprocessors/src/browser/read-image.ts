import { ControlNetError } from "@controlnet-js/core";
import { overWhite } from "../alpha.js";
import { fileProfile, pngWithProfile } from "../colour/file-profile.js";
import { isSrgb } from "../colour/icc-profile.js";
import { type ByteImage, blankImage, MAX_PIXELS } from "../image.js";
import { type ImageHeader, readImageHeader } from "../image-header.js";
import { isWholeFile } from "./is-whole-file.js";
import { stillFile, upright } from "./still-upright.js";

/** How {@link readImage} reads. */
export interface ReadImageOptions {
  /**
   * Keeps an alpha channel; otherwise transparent parts are laid over white. Default false. Canvases hold colours
   * multiplied by alpha: below half, the more transparent a pixel, the farther off its colour.
   */
  alpha?: boolean;
  /** Keeps the numbers of the file, whatever its colour profile says: for maps, which hold values. Default false. */
  ignoreProfile?: boolean;
  /** Larger pictures are refused before they are decoded. Default 100 million, about 10,000 x 10,000; at most 2^28. */
  maxPixels?: number;
}

/** The part of the browser that is used; Node's types do not declare it. */
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
interface Context {
  clearRect(x: number, y: number, width: number, height: number): void;
  drawImage(bitmap: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}
interface Browser {
  createImageBitmap?(file: Blob, options: Record<string, string>): Promise<Bitmap>;
  OffscreenCanvas: new (
    width: number,
    height: number,
  ) => { getContext(kind: "2d", options: Record<string, unknown>): Context | null };
}

/** The largest side of a canvas in every browser of today. */
const MAX_SIDE = 32767;

/**
 * Reads a PNG, JPEG or WebP in a browser or a worker, as `controlnet detect` reads it in Node: turned upright by its
 * EXIF orientation, converted to sRGB by its colour profile, of an animation its still or first picture. Opaque 8-bit
 * pictures in sRGB, and those that say nothing of their colours, give the same bytes. With another profile, and where a
 * pixel is half transparent, has 16 bits a channel or is made of inks, as in a CMYK JPEG, the browser may be off by a level or two.
 * @param file an upload, a fetched `Blob`, or the file's bytes
 * @returns `[height, width, 3]`, or `[height, width, 4]` with `alpha`
 * @throws ControlNetError `data` for a file that is cut or no picture, `range` for one that is too large, `io` for one that
 * is gone
 */
export async function readImage(file: Blob | Uint8Array, options: ReadImageOptions = {}): Promise<ByteImage> {
  const { alpha = false, ignoreProfile = false, maxPixels = 1e8 } = options;
  const browser = globalThis as unknown as Browser;
  if (!browser.createImageBitmap)
    throw new ControlNetError("missing", "readImage: there is no createImageBitmap here; it needs a browser");
  const bytes = await bytesOf(file);
  const { format, width, height } = readImageHeader(bytes);
  const limit = Math.min(maxPixels, MAX_PIXELS);
  if (!(width * height <= limit) || Math.max(width, height) > MAX_SIDE)
    throw new ControlNetError(
      "range",
      `readImage: ${width}x${height} is over the limit of ${limit} pixels, ${MAX_SIDE} a side`,
    );
  if (!isWholeFile(bytes, format))
    throw new ControlNetError("data", `readImage: the ${format} file is cut: its end is missing`);
  const icc = ignoreProfile ? undefined : await profileToApply(bytes, format);
  const coloured = icc && format === "png" ? pngWithProfile(bytes, icc) : bytes;
  const { parts, orientation } = stillFile(coloured, format);
  const bitmap = await browser
    .createImageBitmap(new Blob(parts, { type: `image/${format}` }), {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: icc ? "default" : "none",
    })
    .catch((cause: Error) => {
      throw new ControlNetError("data", `readImage: can't decode the ${format} file: ${cause.message}`, {
        cause,
      });
    });
  try {
    const image = upright(pixelsOf(browser, bitmap), orientation);
    return alpha ? image : overWhite(image);
  } finally {
    bitmap.close();
  }
}

/** The profile of a file whose colours are not sRGB's already; a broken one is ignored. */
async function profileToApply(
  bytes: Uint8Array,
  format: ImageHeader["format"],
): Promise<Uint8Array | undefined> {
  const profile = fileProfile(bytes, format);
  if (!profile) return undefined;
  try {
    const icc = profile.form === "deflated" ? await inflated(profile.icc) : profile.icc;
    return isSrgb(icc) ? undefined : icc;
  } catch {
    return undefined;
  }
}

async function inflated(stream: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const plain = new Blob([stream]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** One's own copy of a file's bytes. */
async function bytesOf(file: Blob | Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (file instanceof Uint8Array) return new Uint8Array(file);
  if (typeof file?.arrayBuffer !== "function")
    throw new ControlNetError("data", `readImage: expected a Blob or a file's bytes, got ${typeof file}`);
  const buffer = await file.arrayBuffer().catch((cause: Error) => {
    throw new ControlNetError("io", `readImage: can't read the file: ${cause.message}`, { cause });
  });
  return new Uint8Array(buffer);
}

/** Browsers have canvases of 2^24 to 2^28 pixels; what is drawn on a larger one vanishes without a word. */
const BAND = 2 ** 20;

/** The bitmap's pixels by way of a canvas, a band of rows at a time. */
function pixelsOf({ OffscreenCanvas }: Browser, bitmap: Bitmap): ByteImage {
  const { width, height } = bitmap;
  const result = blankImage(width, height, 4);
  const band = Math.min(height, Math.ceil(BAND / width));
  const context = new OffscreenCanvas(width, band).getContext("2d", {
    colorSpace: "srgb",
    willReadFrequently: true,
  });
  if (!context) throw new ControlNetError("range", `readImage: no memory for a canvas of ${width}x${band}`);
  for (let y = 0; y < height; y += band) {
    const rows = Math.min(band, height - y);
    context.clearRect(0, 0, width, band);
    context.drawImage(bitmap, 0, -y);
    result.data.set(context.getImageData(0, 0, width, rows).data, y * width * 4);
  }
  return result;
}
