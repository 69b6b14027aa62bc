import {
  ControlNetError,
  type Convolution,
  checkpointBlock,
  checkpointLockedBlock,
  type RunBlock,
  runBlock,
  zeroConvolution,
} from "@controlnet-js/core";
import {
  type AdditionalResiduals,
  type UNet,
  type UNetInputs,
  unetDecoder,
  unetEncoder,
} from "@controlnet-js/unet";
import { add, mean, mul, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { type ControlNetConfig, hintDownscaling } from "./config.js";
import { encodeHint, orientHint } from "./hint-encoder.js";
import type { ControlNet } from "./params.js";

/**
 * The locked U-Net with a ControlNet: `y_c = F(x) + Z(F_c(x + Z(c)))` (paper, eq. 2). Gradients pass through the
 * decoder to the ControlNet; the locked encoder and middle block need none.
 * @param map control map [batch, 8 height, 8 width, hintChannels] in [0, 1] for latents [batch, height, width, ...]
 * @param options.strength factor of every residual
 * @param options.checkpointing keeps block inputs only for the backward pass and runs each block again
 * @returns the model's raw output [batch, height, width, outChannels]
 * @throws ControlNetError `shape` where inputs, map and models don't belong together
 */
export function controlledUNet(
  unet: UNet,
  net: ControlNet,
  inputs: UNetInputs,
  map: Tensor4D,
  { strength = 1, checkpointing = false }: { strength?: number; checkpointing?: boolean } = {},
): Tensor4D {
  const encoded = unetEncoder(unet, inputs);
  const residuals = controlNet(net, inputs, map, checkpointing ? checkpointBlock : runBlock);
  const runLocked = checkpointing ? checkpointLockedBlock : runBlock;
  return unetDecoder(unet, encoded, inputs.context, scaleResiduals(residuals, strength), runLocked);
}

/**
 * The residuals that a ControlNet adds to the U-Net's skip connections and middle block, each of its link's shape, or
 * [batch, 1, 1, channels] with `config.globalPooling`.
 * @param map control map [batch, 8 height, 8 width, hintChannels] in [0, 1] for latents [batch, height, width, ...]
 * @param run how each block runs: `checkpointBlock` trades time for memory in training
 * @throws ControlNetError `shape` where map and latents don't belong together
 */
export function controlNet(
  net: ControlNet,
  inputs: UNetInputs,
  map: Tensor4D,
  run: RunBlock = runBlock,
): Required<AdditionalResiduals> & { skips: Tensor4D[] } {
  const { params, config } = net;
  checkMap(config, inputs.latents, map);
  const hint = run(
    (given, hintEncoder) => encodeHint(hintEncoder, orientHint(config, given)),
    map,
    params.hint,
  );
  return controlNetFromHint(net, inputs, hint, run);
}

/** As {@link controlNet}, from a hint that was encoded before: in sampling, once for all steps. */
export function controlNetFromHint(
  { params, config }: ControlNet,
  inputs: UNetInputs,
  hint: Tensor4D,
  run: RunBlock = runBlock,
): Required<AdditionalResiduals> & { skips: Tensor4D[] } {
  const encoded = unetEncoder({ params: params.copy, config: config.unet }, inputs, hint, run);
  const residual = (h: Tensor4D, link: Convolution<Tensor>): Tensor4D => {
    const local = zeroConvolution(h, link);
    return config.globalPooling ? mean<Tensor4D>(local, [1, 2], true) : local;
  };
  return {
    skips: encoded.skips.map((skip, i) => residual(skip, params.links.skips[i]!)),
    middle: residual(encoded.middle, params.links.middle),
  };
}

/** Multiplies every residual with `strength`; 1 leaves them as they are. */
export function scaleResiduals(residuals: AdditionalResiduals, strength: number): AdditionalResiduals {
  if (strength === 1) return residuals;
  return {
    skips: residuals.skips.map((skip) => skip && mul<Tensor4D>(skip, strength)),
    ...(residuals.middle && { middle: mul<Tensor4D>(residuals.middle, strength) }),
  };
}

/**
 * The sum of several ControlNets' residuals, with no extra weighting (paper, section 3.4); undefined of none.
 * @throws ControlNetError `shape` where their numbers of links differ
 */
export function addResiduals(all: readonly AdditionalResiduals[]): AdditionalResiduals | undefined {
  const [first, ...rest] = all;
  if (!first) return undefined;
  return rest.reduce<AdditionalResiduals>((sum, next) => {
    if (sum.skips.length !== next.skips.length)
      throw new ControlNetError(
        "shape",
        `addResiduals: ControlNets for different U-Nets, of ${sum.skips.length} and ${next.skips.length} links; only those ` +
          "of one base model go together",
      );
    return {
      skips: sum.skips.map((skip, i) => plus(skip, next.skips[i])),
      middle: plus(sum.middle, next.middle),
    };
  }, first);
}

const plus = (a: Tensor4D | undefined, b: Tensor4D | undefined): Tensor4D | undefined =>
  a && b ? add<Tensor4D>(a, b) : (a ?? b);

function checkMap(config: ControlNetConfig, latents: Tensor4D, map: Tensor4D): void {
  const factor = hintDownscaling(config);
  const [batch, height, width] = latents.shape;
  const expected = [batch, height * factor, width * factor, config.hintChannels];
  if (expected.some((size, i) => size !== map.shape[i]))
    throw new ControlNetError(
      "shape",
      `controlNet: expected a control map [${expected}] for latents [${latents.shape}], got [${map.shape}]`,
    );
}
