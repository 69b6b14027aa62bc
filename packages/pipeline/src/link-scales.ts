import { ControlNetError } from "@controlnet-js/core";
import { blocksAt, skipChannels, type UNetConfig } from "@controlnet-js/unet";

/**
 * How a ControlNet's links weigh against each other, the shallowest first and the middle block last:
 * - `"even"`: all alike;
 * - `"guess"`: 0.825^(12 - i) for link i of 13, as the original code's guess mode;
 * - `"guess-diffusers"`: from 0.1 to 1, evenly in the logarithm, as diffusers' guess mode;
 * - `"resolution"`: 64 / h_i, h_i the side of the latent at link i (CFG resolution weighting, paper, section 3.4); for
 *   other models 64 is the latent side that they were trained on.
 */
export type LinkWeighting = "even" | "guess" | "guess-diffusers" | "resolution";

/** The known values of {@link LinkWeighting}. */
export const linkWeightings = [
  "even",
  "guess",
  "guess-diffusers",
  "resolution",
] as const satisfies readonly LinkWeighting[];

/** Which links are connected: all, the middle block's alone, or all but the middle block's. */
export type LinkChoice = "all" | "middle" | "decoder";

/** The known values of {@link LinkChoice}. */
export const linkChoices = ["all", "middle", "decoder"] as const satisfies readonly LinkChoice[];

/** What the scales of a ControlNet's links follow from. */
export interface LinkScaleOptions {
  weighting?: LinkWeighting;
  links?: LinkChoice;
  /** A factor for each link, the shallowest first, the middle block last: 13 for Stable Diffusion. */
  layers?: readonly number[];
  /** Sides of the latent. */
  latentSize: readonly [height: number, width: number];
}

/** The number of links of a ControlNet for this U-Net: 13 for Stable Diffusion. */
export const linkCount = (config: UNetConfig): number => skipChannels(config).length + 1;

/**
 * The factor of each link at strength 1, the shallowest first, the middle block last.
 * @throws ControlNetError `range` for another number of layers than links, or a weight that is not finite
 */
export function linkScales(config: UNetConfig, options: LinkScaleOptions): number[] {
  const { weighting = "even", links = "all", layers, latentSize } = options;
  const count = linkCount(config);
  if (layers && (layers.length !== count || !layers.every(Number.isFinite)))
    throw new ControlNetError(
      "range",
      `linkScales: expected ${count} finite layer weights (the middle block last), got ${layers.length}: ${layers.join(", ")}`,
    );
  const levels = linkLevels(config);
  return Array.from({ length: count }, (_, i) => {
    const isMiddle = i === count - 1;
    if ((links === "middle" && !isMiddle) || (links === "decoder" && isMiddle)) return 0;
    return (
      weightOf(weighting, i, count, sideAt(latentSize, levels[i]!), config.sampleSize) * (layers?.[i] ?? 1)
    );
  });
}

function weightOf(weighting: LinkWeighting, i: number, count: number, side: number, trained: number): number {
  switch (weighting) {
    case "even":
      return 1;
    case "guess":
      return 0.825 ** (count - 1 - i);
    case "guess-diffusers":
      return 10 ** (i / (count - 1) - 1);
    case "resolution":
      return trained / side;
  }
}

/** How often the latent was halved at each link. */
export function linkLevels(config: UNetConfig): number[] {
  const last = config.channels.length - 1;
  const perLevel = config.channels.flatMap((_, level) => [
    ...Array.from({ length: blocksAt(config, level) }, () => level),
    ...(level < last ? [level + 1] : []),
  ]);
  return [0, ...perLevel, last];
}

/** The side of a latent after so many halvings; of an oblong one the side of the square of its area. */
const sideAt = ([height, width]: readonly [number, number], level: number): number =>
  Math.sqrt(height * width) / 2 ** level;
