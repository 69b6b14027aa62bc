import { ControlNetError, type Image } from "@controlnet-js/core";

/**
 * Checks that two maps have one size and as many values as they say.
 * @returns their pixels
 * @throws ControlNetError `shape`
 */
export function assertSameSize(where: string, found: Image, wanted: Image, channels = 1): number {
  const { width, height } = found;
  if (width !== wanted.width || height !== wanted.height)
    throw new ControlNetError(
      "shape",
      `${where}: expected maps of one size, got ${width}x${height} and ${wanted.width}x${wanted.height}`,
    );
  for (const map of [found, wanted]) {
    if (map.channels < channels)
      throw new ControlNetError(
        "shape",
        `${where}: expected maps of ${channels} or more channels, got ${map.channels}`,
      );
    if (map.data.length !== width * height * map.channels)
      throw new ControlNetError(
        "shape",
        `${where}: ${width}x${height}x${map.channels} needs ${width * height * map.channels} values, got ${map.data.length}`,
      );
  }
  return width * height;
}
