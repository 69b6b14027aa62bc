import { ControlNetError, type Image } from "@controlnet-js/core";
import sharp from "sharp";
import * as z from "zod";

/** What the page sends to paint a picture. */
export const generateRequestSchema = z.strictObject({
  prompt: z.string().max(1000),
  negativePrompt: z.string().max(1000).default(""),
  /** The control map as a `data:image/png;base64,` address; absent: no control. */
  map: z.string().startsWith("data:image/png;base64,").optional(),
  strength: z.number().min(0).max(2).default(1),
  guidance: z.number().min(1).max(30).default(9),
  steps: z.number().int().min(1).max(100).default(20),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
});

/** See {@link generateRequestSchema}. */
export type GenerateRequest = z.output<typeof generateRequestSchema>;

const pngSignature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/**
 * The map of a request as RGB bytes.
 * @throws ControlNetError `data` where it can't be read as PNG, `shape` where its size is another
 */
export async function decodeMap(address: string, size: { width: number; height: number }): Promise<Image> {
  const bytes = Buffer.from(address.slice(address.indexOf(",") + 1), "base64");
  if (!bytes.subarray(0, pngSignature.length).equals(pngSignature))
    throw new ControlNetError("data", "the control map is no PNG");
  const unreadable = (cause: Error): never => {
    throw new ControlNetError("data", `the control map can't be read: ${cause.message}`, { cause });
  };
  const map = sharp(bytes, { limitInputPixels: size.width * size.height });
  // The size stands at the file's beginning: a map that does not fit is never decoded.
  const { width, height } = await sharp(bytes).metadata().catch(unreadable);
  if (width !== size.width || height !== size.height)
    throw new ControlNetError(
      "shape",
      `expected a control map of ${size.width}x${size.height} pixels, got ${width}x${height}`,
    );
  const data = await map
    .flatten({ background: "#000000" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer()
    .catch(unreadable);
  if (data.length !== width * height * 3)
    throw new ControlNetError("data", "the control map has no red, green and blue");
  return { data: new Uint8Array(data), width, height, channels: 3 };
}
