import { ControlNetError } from "@controlnet-js/core";
import { type Plan, startLevel } from "@controlnet-js/samplers";
import {
  add,
  cast,
  concat,
  greaterEqual,
  image,
  less,
  mul,
  sub,
  type Tensor4D,
  type TensorContainerObject,
  tidy,
  tile,
} from "@tensorflow/tfjs-core";
import type { CompiledPipeline } from "./compile-pipeline.js";
import { type Pictures, pictureTensor } from "./picture.js";
import type { ResolvedOptions } from "./resolve-options.js";

/** A picture to begin with: image-to-image, or with a mask inpainting. */
export interface InitialImage {
  /** Of the run's size, in [0, 1]; one for all samples or one for each. */
  picture?: Pictures;
  /** In place of the picture: its clean latents as the U-Net sees them [1 or batch, height / 8, width / 8, channels]. */
  latents?: Tensor4D;
  /**
   * How much is made anew, in (0, 1]: this part of the steps runs. Default 0.8, with a mask 1. With a mask 1 means that
   * nothing of the picture shines through where it is made anew.
   */
  strength?: number;
  /** 1 (at least 0.5) where the picture is made anew, 0 where it is kept; one channel. */
  mask?: Pictures;
}

/** What an initial image comes to in a run. All tensors are the caller's to dispose. */
export interface PreparedImage {
  /** Steps left out at the start. */
  startStep: number;
  /** The latent to begin with, at unit variance; undefined where the run begins with pure noise. */
  start: Tensor4D | undefined;
  clean: Tensor4D;
  /** Latent mask [1 or batch, height, width, 1], 1 where made anew. */
  mask: Tensor4D | undefined;
  /** For an inpainting U-Net: mask and masked picture [batch, height, width, 1 + channels]. */
  extra: Tensor4D | undefined;
}

/**
 * Checks an initial image and encodes it.
 * @param noise the run's standard normal latent
 * @throws ControlNetError `config`, `missing`, `range` or `shape`, telling what is valid
 */
export function prepareImage(
  compiled: CompiledPipeline,
  initial: InitialImage,
  run: ResolvedOptions,
  plan: Plan,
  noise: Tensor4D,
): PreparedImage {
  const { unet, autoencoder } = compiled.pipeline;
  const { strength = initial.mask ? 1 : 0.8 } = initial;
  const startStep = startStepOf(strength, plan.steps);
  const wide = unet.config.inChannels !== autoencoder.config.latentChannels;
  if (wide && !(initial.mask && initial.picture)) throw lacksInpainting();
  const [height, width] = run.latentShape;
  return tidyImage(() => {
    const size = { batch: run.batch, height: run.height, width: run.width };
    const channels = autoencoder.config.imageChannels;
    const picture =
      initial.picture && pictureTensor("textToImage: image", initial.picture, { ...size, channels });
    const clean = wholeBatch(initial.latents ?? encodeOrRefuse(compiled, picture), run);
    const mask =
      initial.mask && pictureTensor("textToImage: image mask", initial.mask, { ...size, channels: 1 });
    const small =
      mask &&
      (cast(greaterEqual(image.resizeNearestNeighbor(mask, [height, width]), 0.5), "float32") as Tensor4D);
    const extra = wide ? maskedPicture(compiled, picture!, mask!, small!, run.batch) : undefined;
    const fresh = mask !== undefined && strength === 1;
    const level = startLevel(plan, startStep);
    const start = fresh ? undefined : (add(mul(level.alpha, clean), mul(level.sigma, noise)) as Tensor4D);
    return { startStep, start, clean, mask: wide ? undefined : small, extra };
  });
}

/** `tidy` for a plain object some of whose entries are tensors. */
const tidyImage = (body: () => PreparedImage): PreparedImage =>
  tidy(() => body() as PreparedImage & TensorContainerObject);

/** Puts the kept part back: `mask latent + (1 - mask) (alpha clean + sigma noise)`. The caller disposes the result. */
export const keepOutside = (
  { mask, clean }: PreparedImage,
  latent: Tensor4D,
  noise: Tensor4D,
  level: { alpha: number; sigma: number },
): Tensor4D =>
  tidy(() => {
    const kept = add(mul(level.alpha, clean), mul(level.sigma, noise));
    return add(kept, mul(mask!, sub(latent, kept))) as Tensor4D;
  });

/** What a 9-channel U-Net needs, as an error. */
export const lacksInpainting = (): ControlNetError =>
  new ControlNetError(
    "missing",
    "textToImage: this U-Net is for inpainting: give image: { picture, mask }, the mask 1 where the picture is made anew",
  );

function startStepOf(strength: number, steps: number): number {
  if (!(strength > 0 && strength <= 1))
    throw new ControlNetError("range", `textToImage: expected an image strength in (0, 1], got ${strength}`);
  const run = Math.min(Math.floor(steps * strength), steps);
  if (run < 1)
    throw new ControlNetError(
      "range",
      `textToImage: image strength ${strength} leaves none of ${steps} steps; raise it to at least ${1 / steps}`,
    );
  return steps - run;
}

function encodeOrRefuse(compiled: CompiledPipeline, picture: Tensor4D | undefined): Tensor4D {
  if (!picture) throw new ControlNetError("missing", "textToImage: image needs a picture or latents");
  return compiled.encodePictures(picture);
}

function wholeBatch(latents: Tensor4D, { batch, latentShape }: ResolvedOptions): Tensor4D {
  const [count, ...rest] = latents.shape;
  if (rest.join() !== latentShape.join() || (count !== 1 && count !== batch))
    throw new ControlNetError(
      "shape",
      `textToImage: expected image latents [1 or ${batch}, ${latentShape.join(", ")}], got [${latents.shape}]`,
    );
  return count === batch ? latents.clone() : tile(latents, [batch, 1, 1, 1]);
}

/** An inpainting U-Net's further channels: the mask, and the latents of the picture with grey under the mask. */
function maskedPicture(
  compiled: CompiledPipeline,
  picture: Tensor4D,
  mask: Tensor4D,
  small: Tensor4D,
  batch: number,
): Tensor4D {
  const kept = cast(less(mask, 0.5), "float32");
  const masked = compiled.encodePictures(add(mul(sub(picture, 0.5), kept), 0.5) as Tensor4D);
  const full = (x: Tensor4D) => (x.shape[0] === batch ? x : tile(x, [batch, 1, 1, 1]));
  return concat([full(small), full(masked)], 3);
}
