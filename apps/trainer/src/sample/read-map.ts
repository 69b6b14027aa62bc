import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { toGrey } from "@controlnet-js/preprocessors";
import { readImage, readPngText } from "@controlnet-js/preprocessors/node";
import * as z from "zod";

/** What `controlnet detect` writes into a map: how it was made. */
const madeBySchema = z.object({ condition: z.string(), channels: z.number().int().positive() });

/** How a map was made; undefined for maps of others. */
export type MapOrigin = z.output<typeof madeBySchema>;

/** The condition of a map that `controlnet detect` made. */
export function mapOrigin(path: string): MapOrigin | undefined {
  try {
    const bytes = readRegularFile(path);
    if (bytes.toString("latin1", 1, 4) !== "PNG") return undefined;
    return madeBySchema.parse(JSON.parse(readPngText(bytes, "controlnet-condition") ?? ""));
  } catch {
    return undefined;
  }
}

/**
 * Reads a ready map as bytes [height, width, channels]: the file's values as they are, colours as RGB, transparency left
 * out. A map of more than three channels lies in its file as pictures below one another, as `controlnet detect` writes it:
 * of three channels each where that divides them, else of one. A map of four may also be a picture with transparency.
 * @throws ControlNetError `io` or `data` naming the file
 */
export async function readMap(path: string, channels: number): Promise<Image> {
  const each = channels % 3 === 0 ? 3 : 1;
  const pictures = channels / each;
  const source = await readImage(path, { alpha: true, ignoreProfile: true });
  if (channels === 4 && source.channels === 4) return source;
  const { data, width } = each === 3 ? rgbOf(source) : toGrey(rgbOf(source));
  const height = source.height / pictures;
  if (!Number.isInteger(height))
    throw new ControlNetError(
      "data",
      `${path}: expected the ${channels} channels of the map as ${pictures} pictures below one another${channels === 4 ? ", or as one with transparency" : ""}, got a picture of ${width}x${source.height}, whose height they don't divide`,
    );
  const map = new Uint8Array(data.length);
  for (let picture = 0; picture < pictures; picture++)
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < each; c++)
        map[i * channels + picture * each + c] = data[(picture * width * height + i) * each + c]!;
  return { data: map, width, height, channels };
}

/** Three channels of one, three or four. */
function rgbOf({ data, width, height, channels }: Image): Image {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + Math.min(c, channels - 1)]!;
  return { data: rgb, width, height, channels: 3 };
}
