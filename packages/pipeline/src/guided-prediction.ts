import {
  addResiduals,
  type ControlNetConfig,
  type ControlNetParams,
  controlNetFromHint,
} from "@controlnet-js/controlnet";
import {
  type AdditionalResiduals,
  decode,
  encode,
  type UNetConfig,
  type UNetInputs,
  type UNetParams,
} from "@controlnet-js/unet";
import {
  add,
  concat,
  mul,
  type Scalar,
  slice,
  sub,
  type Tensor1D,
  type Tensor3D,
  type Tensor4D,
  tile,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { rescaleGuidance } from "./guidance-rescale.js";

/** A ControlNet in one model call. */
export interface ActiveNet {
  params: ControlNetParams;
  config: ControlNetConfig;
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
  /** More channels for the U-Net alone [batch, height, width, ...]: an inpainting model's mask and picture. */
  extra?: Tensor4D;
  timestep: Tensor1D;
  /** [batch, tokens, features]; with guidance [2 batch, ...], the unconditional half first. */
  context: Tensor3D;
  /** beta of `eps_uc + beta (eps_c - eps_uc)`. */
  guidance?: Scalar;
  /** How far guidance's rise in contrast is taken back, in [0, 1]. */
  rescale?: Scalar;
}

/**
 * The model's raw output with classifier-free guidance [batch, height, width, outChannels]: one call of twice the batch.
 * Made to be compiled: run it inside `tidy` or `jit`.
 */
export function guidedPrediction(
  unet: UNetParams,
  config: UNetConfig,
  inputs: PredictionInputs,
  nets: readonly ActiveNet[],
): Tensor4D {
  const { latents, extra, timestep, context, guidance, rescale } = inputs;
  const halves = guidance ? 2 : 1;
  const batch = latents.shape[0];
  const whole = callInputs(latents, timestep, context, halves);
  const residuals = addResiduals(nets.map((net) => residualsOf(net, inputs, whole, halves)));
  const wide: UNetInputs = extra ? { ...whole, latents: twice(concat([latents, extra], 3), halves) } : whole;
  const output = decode(unet, config, encode(unet, config, wide), context, residuals);
  if (!guidance) return output;
  const [height, width, channels] = [output.shape[1], output.shape[2], output.shape[3]];
  const unconditional = slice(output, [0, 0, 0, 0], [batch, height, width, channels]);
  const conditional = slice(output, [batch, 0, 0, 0], [batch, height, width, channels]);
  const guided = add(unconditional, mul(guidance, sub(conditional, unconditional))) as Tensor4D;
  return rescale ? rescaleGuidance(guided, conditional, rescale) : guided;
}

function residualsOf(
  net: ActiveNet,
  { latents, extra, timestep, context }: PredictionInputs,
  whole: UNetInputs,
  halves: number,
): AdditionalResiduals {
  const batch = latents.shape[0];
  const onHalf = halves === 2 && !net.both;
  const [, tokens, features] = context.shape;
  const half = onHalf ? slice(context, [batch, 0, 0], [batch, tokens, features]) : context;
  const seen =
    extra && net.config.unet.inChannels !== latents.shape[3] ? concat([latents, extra], 3) : latents;
  const inputs = onHalf || seen !== latents ? callInputs(seen, timestep, half, onHalf ? 1 : halves) : whole;
  const copies = inputs.latents.shape[0] / batch;
  const hint = net.hint.shape[0] > 1 ? twice(net.hint, copies) : net.hint;
  const { skips, middle } = controlNetFromHint(net.params, net.config, inputs, hint);
  const weighed = [...skips, middle].map((residual, i) => {
    if (!net.connected[i]) return undefined;
    const scaled = mul<Tensor4D>(residual, slice(net.scales, [i], [1]));
    const mask = net.masks?.[net.levels[i]!];
    const masked = mask ? mul<Tensor4D>(scaled, mask.shape[0] > 1 ? twice(mask, copies) : mask) : scaled;
    return onHalf ? concat([zerosLike(masked), masked], 0) : masked;
  });
  return { skips: weighed.slice(0, -1), middle: weighed.at(-1) } as AdditionalResiduals;
}

const callInputs = (
  latents: Tensor4D,
  timestep: Tensor1D,
  context: Tensor3D,
  halves: number,
): UNetInputs => ({
  latents: twice(latents, halves),
  timesteps: tile(timestep, [latents.shape[0] * halves]),
  context,
});

const twice = (x: Tensor4D, copies: number): Tensor4D => (copies === 2 ? concat([x, x], 0) : x);
