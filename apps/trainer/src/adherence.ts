import type { Condition, Image } from "@controlnet-js/core";
import { edgeF1 } from "@controlnet-js/metrics";

/** How well pictures follow the maps that they were given: the mean edge F1, with a tolerance of 2 pixels. */
export async function adherence(
  condition: Condition,
  conditionOptions: Record<string, unknown>,
  images: readonly Image[],
  maps: readonly Image[],
): Promise<number> {
  let sum = 0;
  for (const [i, image] of images.entries()) {
    const found = await condition.detect(image, conditionOptions);
    sum += edgeF1(found, maps[i]!, { tolerance: 2 }).f1;
  }
  return sum / images.length;
}
