import { ControlNetError } from "@controlnet-js/core";
import type { TensorSource } from "../tensor-source.js";
import { refusedFamilies } from "./families.js";
import { type Identity, identify } from "./identify.js";
import type { FoundPart, ModelPart } from "./model-parts.js";

const titles: Record<ModelPart, string> = {
  unet: "a U-Net",
  controlnet: "a ControlNet",
  autoencoder: "an autoencoder",
  "text-encoder": "a text encoder",
};

/** What to give, where a file holds other parts. */
const wanted: Record<ModelPart, string> = {
  unet: "name a file or folder of Stable Diffusion 1 or 2, or of a model like them",
  controlnet: "name the file or folder of a ControlNet, or a whole model with one inside",
  autoencoder: "name a whole model: U-Net, autoencoder and text encoder",
  "text-encoder": "name a whole model: U-Net, autoencoder and text encoder",
};

/**
 * The place of a model in a file: its prefix and the form of its keys, for `loadTree`.
 * @param where named in errors, e.g. the file
 * @throws ControlNetError `unsupported` where the file is something else, named as what it is, or of an
 *   unsupported family
 */
export function requirePart(source: TensorSource, part: ModelPart, where: string): FoundPart {
  const identity = identify(source);
  const found = identity.parts.find((candidate) => candidate.part === part);
  if (!found || (identity.family && refusedFamilies.has(identity.family)))
    throw new ControlNetError(
      "unsupported",
      `${where}: expected ${titles[part]}, found ${identity.summary}; ${identity.advice ?? wanted[part]}`,
    );
  return found;
}

/**
 * Why a ControlNet can't work with a base model, by their shapes: another width of text embeddings, of channels,
 * or another input. Undefined where they fit.
 */
export function misfit(base: Identity, control: Identity): string | undefined {
  const unet = base.parts.find(({ part }) => part === "unet");
  const net = control.parts.find(({ part }) => part === "controlnet");
  if (!unet || !net) return undefined;
  const differs = (what: string, a: number | undefined, b: number | undefined): string | undefined =>
    a === undefined || b === undefined || a === b
      ? undefined
      : `the ControlNet is ${control.summary} (${what} ${b}), but the base model is ${base.summary} (${what} ${a}); use a pair made for each other`;
  return (
    differs("text width", unet.contextWidth, net.contextWidth) ??
    differs("channels", unet.width, net.width) ??
    (unet.inputChannels === 4 ? differs("input channels", unet.inputChannels, net.inputChannels) : undefined)
  );
}
