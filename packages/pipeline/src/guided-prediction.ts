import { addResiduals, type ControlNet, controlNetFromHint } from "@controlnet-js/controlnet";
import {
  type AdditionalResiduals,
  type UNet,
  type UNetInputs,
  unetDecoder,
  unetEncoder,
} from "@controlnet-js/unet";
import {
  add,
  concat,
  mul,
  type Scalar,
  slice,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tile,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { rescaleGuidance } from "./guidance-rescale.js";

/** A ControlNet in one model call. */
export interface ActiveNet {
  net: ControlNet;
  /** Its encoded map [1 or batch, height, width, channels]. */
  hint: Tensor4D;
  /** Which links are connected, the middle block's last. */
  connected: readonly boolean[];
  /** The factor of each link [links]. */
  scales: Tensor1D;
  /** Where it works: for each halving of the latent, [1 or batch, height, width, 1] in [0, 1]. */
  masks?: readonly Tensor4D[];
  /** The halving at each link, for `masks`. */
  levels: readonly number[];
  /** Whether the unconditional half gets its residuals, too. */
  both: boolean;
}

/** One call of the model: U-Net, ControlNets and guidance. */
export interface PredictionInputs {
  /** [batch, height, width, channels], at unit variance. */
  latents: Tensor4D;
  /** More channels for the U-Net alone [batch, height, width, ...]: mask and picture of inpainting, or the picture to edit. */
  extra?: Tensor4D;
  timestep: Tensor1D;
  /** [batch, tokens, features]; with guidance [2 batch, ...], the unconditional half first. */
  context: Tensor3D;
  /** beta of `eps_uc + beta (eps_c - eps_uc)`. */
  guidance?: Scalar;
  /**
   * s_I of `eps_uc + s_I (eps_I - eps_uc) + beta (eps_c - eps_I)`, where `eps_I` sees the picture to edit, `extra`, but not
   * the prompt, and `eps_uc` zeros in its place (Brooks, Holynski and Efros 2022, equation 3). Goes with `guidance`.
   */
  imageGuidance?: Scalar;
  /** For a U-Net that was distilled for any guidance: the guidance as it takes it [1, guidanceChannels], alone. */
  guidanceEmbedding?: Tensor2D;
  /** How far guidance's rise in contrast is taken back, in [0, 1]. */
  rescale?: Scalar;
}

/**
 * The model's raw output with classifier-free guidance [batch, height, width, outChannels]: one call of twice the batch,
 * with guidance by a picture, too, of three times. Made to be compiled: run it inside `tidy` or `jit`.
 */
export function guidedPrediction(unet: UNet, inputs: PredictionInputs, nets: readonly ActiveNet[]): Tensor4D {
  const { guidance, imageGuidance, rescale } = inputs;
  const output = unguidedPrediction(unet, inputs, nets);
  if (!guidance) return output;
  const batch = inputs.latents.shape[0];
  const unconditional = rows(output, 0, batch);
  const conditional = rows(output, (partsOf(inputs) - 1) * batch, batch);
  const guided = imageGuidance
    ? guidedTwice(unconditional, rows(output, batch, batch), conditional, imageGuidance, guidance)
    : (add(unconditional, mul(guidance, sub(conditional, unconditional))) as Tensor4D);
  return rescale ? rescaleGuidance(guided, conditional, rescale) : guided;
}

/** What guidance is made of: the raw outputs of a call's parts below one another, [parts batch, height, width, outChannels]. */
export function unguidedPrediction(
  unet: UNet,
  inputs: PredictionInputs,
  nets: readonly ActiveNet[],
): Tensor4D {
  const residuals = addResiduals(nets.map((net) => netResiduals(net, inputs)));
  const { wide } = callInputs(inputs);
  return unetDecoder(unet, unetEncoder(unet, wide), wide.context, residuals);
}

/** What a ControlNet adds to the U-Net in a call, of all of its parts. */
export const netResiduals = (net: ActiveNet, inputs: PredictionInputs): AdditionalResiduals =>
  residualsOf(net, callInputs(inputs), inputs.latents.shape[0], partsOf(inputs));

/** Unconditional, with the picture alone, conditional: how many of them a call has. */
const partsOf = ({ guidance, imageGuidance }: PredictionInputs): number =>
  guidance ? (imageGuidance ? 3 : 2) : 1;

const guidedTwice = (
  unconditional: Tensor4D,
  pictured: Tensor4D,
  conditional: Tensor4D,
  imageGuidance: Scalar,
  guidance: Scalar,
): Tensor4D =>
  add(
    add(unconditional, mul(guidance, sub(conditional, pictured))),
    mul(imageGuidance, sub(pictured, unconditional)),
  );

/** What goes into one call, its parts below one another: unconditional, with the picture alone, conditional. */
interface CallInputs {
  /** Of the plain latents. */
  narrow: UNetInputs;
  /** With the further channels, where there are any. */
  wide: UNetInputs;
}

function callInputs(inputs: PredictionInputs): CallInputs {
  const parts = partsOf(inputs);
  const { latents, extra, timestep, context, guidanceEmbedding } = inputs;
  const batch = latents.shape[0];
  const narrow: UNetInputs = {
    latents: copies(latents, parts),
    timesteps: tile(timestep, [batch * parts]),
    // Neither the unconditional part nor the one with the picture alone sees the prompt.
    context: parts === 3 ? concat([rows(context, 0, batch), context], 0) : context,
    ...(guidanceEmbedding && { guidance: guidanceEmbedding }),
  };
  if (!extra) return { narrow, wide: narrow };
  const further = parts === 3 ? concat([zerosLike(extra), extra, extra], 0) : copies(extra, parts);
  return { narrow, wide: { ...narrow, latents: concat([narrow.latents, further], 3) } };
}

function residualsOf(
  active: ActiveNet,
  { narrow, wide }: CallInputs,
  batch: number,
  parts: number,
): AdditionalResiduals {
  const onLast = parts > 1 && !active.both;
  const whole = active.net.config.unet.inChannels === narrow.latents.shape[3] ? narrow : wide;
  const inputs = onLast ? lastPart(whole, parts, batch) : whole;
  const count = onLast ? 1 : parts;
  const hint = active.hint.shape[0] > 1 ? copies(active.hint, count) : active.hint;
  const { skips, middle } = controlNetFromHint(active.net, inputs, hint);
  const weighed = [...skips, middle].map((residual, i) => {
    if (!active.connected[i]) return undefined;
    const scaled = mul<Tensor4D>(residual, slice(active.scales, [i], [1]));
    const mask = active.masks?.[active.levels[i]!];
    const masked = mask ? mul<Tensor4D>(scaled, mask.shape[0] > 1 ? copies(mask, count) : mask) : scaled;
    return onLast ? concat([copies(zerosLike(masked), parts - 1), masked], 0) : masked;
  });
  return { skips: weighed.slice(0, -1), middle: weighed.at(-1) } as AdditionalResiduals;
}

const lastPart = ({ latents, timesteps, context }: UNetInputs, parts: number, batch: number): UNetInputs => {
  const start = (parts - 1) * batch;
  return {
    latents: rows(latents, start, batch),
    timesteps: rows(timesteps, start, batch),
    context: rows(context, start, batch),
  };
};

/** `count` samples from `start` on. */
const rows = <T extends Tensor>(x: T, start: number, count: number): T =>
  slice(x, [start, ...x.shape.slice(1).fill(0)], [count, ...x.shape.slice(1)]);

const copies = (x: Tensor4D, count: number): Tensor4D =>
  count === 1
    ? x
    : concat(
        Array.from({ length: count }, () => x),
        0,
      );
