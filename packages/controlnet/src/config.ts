import { ControlNetError, parseOptions } from "@controlnet-js/core";
import { sharedDiffusersConfig, type UNetConfig, unetConfigFromDiffusers } from "@controlnet-js/unet";
import * as z from "zod";

/** The shape of a ControlNet: its base U-Net's, and its hint encoder's. */
export interface ControlNetConfig {
  /** The base U-Net that it was copied from. */
  unet: UNetConfig;
  /** Channels of the control map: 3, or as many as the condition has. */
  hintChannels: number;
  /**
   * Widths of the hint encoder; each after the first halves the side. Stable Diffusion's [16, 32, 96, 256] brings a
   * 512x512 map to 64x64.
   */
  hintWidths: number[];
  /** Whether every residual is averaged over height and width, so the map conveys content, not layout: shuffle's net. */
  globalPooling: boolean;
  /** Whether the map is converted from RGB to BGR first. */
  reversedHint: boolean;
}

/** What may be chosen for a ControlNet; the rest is its U-Net's. */
export type ControlNetOptions = Partial<Omit<ControlNetConfig, "unet">>;

/** Stable Diffusion's. */
export const defaultHintWidths = [16, 32, 96, 256];

/** How many times smaller the hint encoder makes a control map's sides: 8 for Stable Diffusion. */
export const hintDownscaling = ({ hintWidths }: Pick<ControlNetConfig, "hintWidths">): number =>
  2 ** (hintWidths.length - 1);

const positive = z
  .number()
  .int()
  .positive()
  .max(2 ** 20);
/** Channels of a map, and widths of a hint encoder, of which each after the first halves the side. */
const channels = positive.max(1024);
const widths = z.array(positive).min(1).max(12);

const ownOptions = z.object({
  hintChannels: channels.default(3),
  hintWidths: widths.default(defaultHintWidths),
  globalPooling: z.boolean().default(false),
  reversedHint: z.boolean().default(false),
});

/**
 * A config for a ControlNet on a base U-Net. What diffusers' ControlNetModel does not take over from a U-Net, embedded
 * guidance, centred input and activations of the time embedding, it does not have.
 * @throws ControlNetError `config` for bad or unknown options
 */
export const controlNetConfig = (
  { guidanceChannels: _, centerInput: __, timeActivations: ___, ...unet }: UNetConfig,
  options: ControlNetOptions = {},
): ControlNetConfig => ({ unet, ...parseOptions("controlNetConfig", ownOptions, options) });

const diffusersSchema = z.object({
  conditioning_channels: channels.default(3),
  conditioning_embedding_out_channels: widths.default(defaultHintWidths),
  controlnet_conditioning_channel_order: z.enum(["rgb", "bgr"]).default("rgb"),
  global_pool_conditions: z.boolean().default(false),
});

/**
 * Reads diffusers' `config.json` of a ControlNetModel.
 * @throws ControlNetError `config` or `unsupported`
 */
export function controlNetConfigFromDiffusers(json: unknown): ControlNetConfig {
  const parsed = diffusersSchema.safeParse(json);
  if (!parsed.success)
    throw new ControlNetError(
      "unsupported",
      `controlNetConfigFromDiffusers: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`,
    );
  return {
    unet: controlNetConfig(unetConfigFromDiffusers(json)).unet,
    hintChannels: parsed.data.conditioning_channels,
    hintWidths: parsed.data.conditioning_embedding_out_channels,
    globalPooling: parsed.data.global_pool_conditions,
    reversedHint: parsed.data.controlnet_conditioning_channel_order === "bgr",
  };
}

/** diffusers' `config.json` for a ControlNetModel of this shape. */
export function controlNetConfigToDiffusers(config: ControlNetConfig): Record<string, unknown> {
  return {
    _class_name: "ControlNetModel",
    ...sharedDiffusersConfig(config.unet),
    conditioning_channels: config.hintChannels,
    conditioning_embedding_out_channels: config.hintWidths,
    controlnet_conditioning_channel_order: config.reversedHint ? "bgr" : "rgb",
    global_pool_conditions: config.globalPooling,
  };
}
