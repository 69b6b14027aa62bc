import { type ControlNet, hintDownscaling } from "@controlnet-js/controlnet";
import { ControlNetError } from "@controlnet-js/core";
import { latentFactor, type Pipeline } from "@controlnet-js/models";
import { skipChannels, type UNetConfig } from "@controlnet-js/unet";

/** How the two are called in errors: the function and the net, and the base model. */
export interface FitNames {
  control: string;
  /** Default `"this base model"`. */
  base?: string;
}

/**
 * Checks that a ControlNet was made for a base model of this shape: its levels, channels, text features, latents and
 * maps.
 * @throws ControlNetError `config`, naming both and what each has
 */
export function assertControlFits(
  pipeline: Pick<Pipeline, "unet" | "autoencoder">,
  { config: net }: Pick<ControlNet, "config">,
  { control, base = "this base model" }: FitNames,
): void {
  const unet = pipeline.unet.config;
  const { latentChannels } = pipeline.autoencoder.config;
  const same =
    skipChannels(unet).join() === skipChannels(net.unet).join() &&
    unet.contextChannels === net.unet.contextChannels &&
    [unet.inChannels, latentChannels].includes(net.unet.inChannels);
  if (!same)
    throw new ControlNetError(
      "config",
      `${control}: made for a U-Net of ${shapeOf(net.unet)}; ${base} has one of ${shapeOf(unet)}; a ControlNet works ` +
        "with its own base model only, or one of the same shape (for instance Stable Diffusion 1.5 or 2.1)",
    );
  const factor = hintDownscaling(net);
  if (factor !== latentFactor(pipeline))
    throw new ControlNetError(
      "config",
      `${control}: its hint encoder shrinks maps by ${factor}, the autoencoder of ${base} pictures by ${latentFactor(pipeline)}; they must be the same`,
    );
}

const shapeOf = ({ channels, blocksPerLevel, contextChannels, inChannels }: UNetConfig): string =>
  `channels ${channels.join(", ")} with ${[blocksPerLevel].flat().join(", ")} block${blocksPerLevel === 1 ? "" : "s"} a level, ` +
  `${contextChannels} text features and ${inChannels} input channels`;
