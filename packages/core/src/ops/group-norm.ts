import {
  add,
  dispose,
  div,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  tidy,
  tile,
} from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { type Initializer, join } from "../initializer.js";
import { defineKernel } from "../kernel.js";

/** `scale` [channels], `bias` [channels]. */
export interface Norm<L = Tensor> {
  scale: L;
  bias: L;
}

/** New parameters of a normalisation: scale 1, bias 0. */
export function createNorm<L>(init: Initializer<L>, path: string, channels: number): Norm<L> {
  return {
    scale: init(join(path, "scale"), [channels], { kind: "constant", value: 1 }),
    bias: init(join(path, "bias"), [channels], { kind: "constant", value: 0 }),
  };
}

type Attributes = { groups: number; epsilon: number };

/** Sums of [batch, channels] over each group, spread back over the group's channels: [batch, 1, channels]. */
function groupSums(perChannel: Tensor, groups: number): Tensor {
  const [batch, channels] = perChannel.shape as [number, number];
  const inGroup = sum(reshape(perChannel, [batch, groups, channels / groups]), 2, true);
  return reshape(tile(inGroup, [1, 1, channels / groups]), [batch, 1, channels]);
}

const groupNormKernel = defineKernel<"x" | "scale" | "bias", Attributes>({
  name: "GroupNorm",
  forward({ x, scale, bias }, { groups, epsilon }) {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const count = (height * width * channels) / groups;
    const rows = reshape(x, [batch, height * width, channels]);
    const average = div(groupSums(sum(rows, 1), groups), count);
    const centred = sub(rows, average);
    const variance = div(groupSums(sum(square(centred), 1), groups), count);
    const inverse = rsqrt(add(variance, epsilon));
    const y = add(mul(centred, mul(inverse, scale)), bias);
    return [reshape(y, x.shape), average, inverse];
  },
  saveInputs: ["x", "scale"],
  saveOutputs: [1, 2],
  gradient(upstream, [x, scale, average, inverse], { groups }) {
    const [batch, height, width, channels] = x!.shape as [number, number, number, number];
    const flat = [batch, height * width, channels];
    const count = (height * width * channels) / groups;
    const d = reshape(upstream, flat);
    const rows = reshape(x!, flat);
    // Sums over pixels of d and of d * normalised x, without keeping the normalised x.
    const [dSum, dNormalised] = tidy(() => {
      const total = sum(d, 1);
      const mean_ = reshape(average!, [batch, channels]);
      const inverse_ = reshape(inverse!, [batch, channels]);
      return [total, mul(sub(sum(mul(d, rows), 1), mul(mean_, total)), inverse_)] as [Tensor, Tensor];
    });
    return {
      x: () => {
        const first = div(groupSums(mul(dSum, scale!), groups), count);
        const second = div(groupSums(mul(dNormalised, scale!), groups), count);
        // dx = inverse * (d * scale - first - normalised x * second), grouped into one term each of d, x and 1.
        const xFactor = mul(mul(inverse!, inverse!), second);
        const constant = sub(mul(xFactor, average!), mul(inverse!, first));
        const dx = add(sub(mul(d, mul(inverse!, scale!)), mul(rows, xFactor)), constant);
        return reshape(dx, x!.shape);
      },
      scale: () => sum(dNormalised, 0),
      bias: () => sum(dSum, 0),
    };
  },
});

/**
 * Group normalisation (Wu and He, 2018) of `x` [batch, height, width, channels]. Its gradient keeps `x` and the
 * statistics only.
 * @param epsilon 1e-5 in U-Net residual blocks, 1e-6 in the spatial transformer and the autoencoder
 * @throws ControlNetError `shape` where channels don't divide into `groups`
 */
export function groupNorm(x: Tensor4D, { scale, bias }: Norm, groups: number, epsilon: number): Tensor4D {
  if (x.shape[3] % groups !== 0 || scale.shape[0] !== x.shape[3])
    throw new ControlNetError(
      "shape",
      `groupNorm: expected ${scale.shape[0]} channels in ${groups} groups, got input [${x.shape}]`,
    );
  const [y, ...statistics] = groupNormKernel({ x, scale, bias }, { groups, epsilon });
  dispose(statistics);
  return y as Tensor4D;
}
