import { ControlNetError, type Image } from "@controlnet-js/core";
import { controlSettings, runSettings } from "@controlnet-js/pipeline";
import { readImage, readImageSize } from "@controlnet-js/preprocessors/node";
import * as z from "zod";

const { strength } = controlSettings.shape;
const { guidance, steps, seed } = runSettings.shape;

/** What the page sends to paint a picture: settings of a run within the bounds of a page that others may reach. */
export const generateRequestSchema = z.strictObject({
  prompt: z.string().max(1000),
  negativePrompt: z.string().max(1000).default(""),
  /** The control map as a `data:image/png;base64,` address; absent: no control. */
  map: z.string().startsWith("data:image/png;base64,").optional(),
  strength: strength.unwrap().max(2).default(1),
  guidance: guidance.unwrap().min(1).max(30).default(9),
  steps: steps.unwrap().max(100).default(20),
  seed,
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
  // The size stands at the file's beginning: a map that does not fit is never decoded.
  const { width, height } = await readImageSize(bytes, { maxPixels: Number.POSITIVE_INFINITY }).catch(
    unreadable,
  );
  if (width !== size.width || height !== size.height)
    throw new ControlNetError(
      "shape",
      `expected a control map of ${size.width}x${size.height} pixels, got ${width}x${height}`,
    );
  const map = await readImage(bytes, {
    ignoreProfile: true,
    alpha: true,
    maxPixels: width * height,
  }).catch(unreadable);
  return map.channels === 4 ? overBlack(map) : map;
}

/** The canvas of the page is black where nothing is drawn. */
function overBlack({ data, width, height }: Image): Image {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const pixel = Math.floor(i / 3) * 4;
    rgb[i] = Math.round((data[pixel + (i % 3)]! * data[pixel + 3]!) / 255);
  }
  return { data: rgb, width, height, channels: 3 };
}
