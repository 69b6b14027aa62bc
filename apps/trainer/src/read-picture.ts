import type { Image } from "@controlnet-js/core";
import { ControlNetError } from "@controlnet-js/core";
import sharp from "sharp";

/**
 * Reads a picture as RGB bytes of a given size, cropped to its shape; transparent parts become white.
 * @throws ControlNetError `data` naming the file
 */
export async function readPicture(path: string, size?: { width: number; height: number }): Promise<Image> {
  try {
    let picture = sharp(path, { limitInputPixels: 1e8 })
      .rotate()
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb");
    if (size) picture = picture.resize(size.width, size.height, { fit: "cover" });
    const { data, info } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const rgb =
      info.channels === 3
        ? new Uint8Array(data)
        : Uint8Array.from({ length: info.width * info.height * 3 }, (_, i) => data[Math.floor(i / 3)]!);
    return { data: rgb, width: info.width, height: info.height, channels: 3 };
  } catch (cause) {
    throw new ControlNetError("data", `can't read the picture ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
