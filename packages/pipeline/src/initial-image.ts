import { unscaleLatents } from "@controlnet-js/autoencoder";
import { ControlNetError, unknownName } from "@controlnet-js/core";
import { type UNetTask, unetTask } from "@controlnet-js/models";
import { type NoiseLevel, startLevel } from "@controlnet-js/samplers";
import {
  add,
  cast,
  concat,
  greaterEqual,
  image,
  mul,
  sub,
  type Tensor4D,
  type TensorContainerObject,
  tidy,
  tile,
} from "@tensorflow/tfjs-core";
import type { ChosenPlan } from "./choose-plan.js";
import type { CompiledModels } from "./compiled-models.js";
import { pictureTensor } from "./picture.js";
import type { ResolvedOptions } from "./resolve-options.js";
import type { InitialImage } from "./text-to-image-options.js";

/** What an initial image comes to in a run. All tensors are the caller's to dispose. */
export interface PreparedImage {
  /** Steps left out at the start. */
  startStep: number;
  /** The latent to begin with, at unit variance; undefined where the run begins with pure noise. */
  start: Tensor4D | undefined;
  /** The picture's latents, where the run needs them. */
  clean: Tensor4D | undefined;
  /** Latent mask [1 or batch, height, width, 1], 1 where made anew, where `clean` is to be put back outside of it. */
  mask: Tensor4D | undefined;
  /**
   * The U-Net's further channels: mask and masked picture of inpainting [batch, height, width, 1 + channels], or the picture
   * to edit [batch, height, width, channels].
   */
  extra: Tensor4D | undefined;
}

/**
 * Checks an initial image and encodes it.
 * @param noise the run's standard normal latent
 * @throws ControlNetError `config`, `missing`, `range` or `shape`, telling what is valid
 */
export function prepareImage(
  compiled: CompiledModels,
  initial: InitialImage,
  run: PictureRun,
  chosen: ChosenPlan,
  noise: Tensor4D,
): PreparedImage {
  const task = unetTask(compiled.pipeline);
  assertInitialImage(task, initial);
  return tidyImage(() => {
    const size = { batch: run.batch, height: run.height, width: run.width };
    const channels = compiled.pipeline.autoencoder.config.imageChannels;
    const picture =
      initial.picture && pictureTensor("textToImage: image", initial.picture, { ...size, channels });
    const encoded = () => wholeBatch("latents", initial.latents ?? encode(compiled, picture, run), run);
    if (task === "edit")
      return { ...nothing, extra: initial.latents ? encoded() : unscaled(compiled, encoded()) };
    const mask =
      initial.mask && pictureTensor("textToImage: image mask", initial.mask, { ...size, channels: 1 });
    const small = mask && binary(image.resizeNearestNeighbor(mask, [run.latentShape[0], run.latentShape[1]]));
    const extra =
      task === "inpaint" ? maskedPicture(compiled, initial, picture, mask!, small!, run) : undefined;
    const { strength = mask ? 1 : 0.8 } = initial;
    const startStep = startStepOf(strength, chosen);
    const fresh = mask !== undefined && strength === 1;
    const blended = task === "inpaint" ? undefined : small;
    const clean = fresh && !blended ? undefined : encoded();
    const level = startLevel(chosen.plan, startStep);
    const start = fresh ? undefined : (add(mul(level.alpha, clean!), mul(level.sigma, noise)) as Tensor4D);
    return { startStep, start, clean, mask: blended, extra };
  });
}

/** What an initial image needs to know of its run. */
type PictureRun = Pick<ResolvedOptions, "batch" | "width" | "height" | "latentShape" | "tiles">;

const nothing = { startStep: 0, start: undefined, clean: undefined, mask: undefined };

/** Checks what is there, not yet its shapes. */
function assertInitialImage(task: UNetTask | undefined, initial: InitialImage): void {
  const { picture, latents, maskedLatents, mask, strength } = initial;
  for (const key of Object.keys(initial))
    if (!initialImageKeys.includes(key)) {
      throw new ControlNetError(
        "config",
        `textToImage: image: unknown option ${unknownName(key, initialImageKeys)}`,
      );
    }
  if (task === "inpaint") {
    const fresh = (strength ?? 1) === 1;
    if (!mask || !(picture || (maskedLatents && (latents || fresh)))) throw lacksImage(task);
    return;
  }
  if (!picture && !latents)
    throw task === "edit"
      ? lacksImage(task)
      : new ControlNetError("missing", "textToImage: image needs a picture or latents");
  if (picture && latents)
    throw new ControlNetError(
      "config",
      "textToImage: image takes a picture or its latents, got both; only a U-Net for inpainting needs both",
    );
  if (maskedLatents)
    throw new ControlNetError(
      "config",
      "textToImage: image maskedLatents belong to a U-Net for inpainting, which this is not; leave them out",
    );
  if (task === "edit" && (mask || strength !== undefined))
    throw new ControlNetError(
      "config",
      "textToImage: this U-Net edits by instruction: it takes no image mask and no image strength; imageGuidance says how " +
        "closely the result keeps to the picture",
    );
}

const initialImageKeys: readonly string[] = ["picture", "latents", "maskedLatents", "strength", "mask"];

/** `tidy` for a plain object some of whose entries are tensors. */
const tidyImage = (body: () => PreparedImage): PreparedImage =>
  tidy(() => body() as PreparedImage & TensorContainerObject);

/**
 * Puts the kept part back, where there is one: `mask latent + (1 - mask) (alpha clean + sigma noise)`. The caller disposes
 * the result.
 */
export const keepOutside =
  ({ mask, clean }: PreparedImage, noise: Tensor4D) =>
  (latent: Tensor4D, level: NoiseLevel): Tensor4D =>
    tidy(() => {
      const kept = add(mul(level.alpha, clean!), mul(level.sigma, noise));
      return add(mul(sub(1, mask!), kept), mul(mask!, latent)) as Tensor4D;
    });

/** What a U-Net for inpainting or editing lacks, as an error. */
export const lacksImage = (task: Exclude<UNetTask, "paint">): ControlNetError =>
  new ControlNetError(
    "missing",
    task === "inpaint"
      ? "textToImage: this U-Net is for inpainting: give image: { picture, mask }, the mask 1 where the picture is made anew"
      : "textToImage: this U-Net edits by instruction: give image: { picture }, and what to change as the prompt",
  );

/** As diffusers counts: of the steps that were asked for, even where the plan makes more or (it may be clipped) fewer. */
function startStepOf(strength: number, { plan, asked }: ChosenPlan): number {
  if (!(strength > 0 && strength <= 1))
    throw new ControlNetError("range", `textToImage: expected an image strength in (0, 1], got ${strength}`);
  const startStep = asked - Math.min(Math.floor(asked * strength), asked);
  if (startStep >= Math.min(asked, plan.steps))
    throw new ControlNetError(
      "range",
      `textToImage: image strength ${strength} leaves none of ${asked} steps; raise it to at least ${1 / asked}`,
    );
  return startStep;
}

/** Only called where there is a picture, as `assertInitialImage` makes sure. */
const encode = (compiled: CompiledModels, picture: Tensor4D | undefined, run: PictureRun): Tensor4D =>
  compiled.encodePictures(picture!, run.tiles);

/** A U-Net that edits sees the autoencoder's own latents. */
const unscaled = ({ pipeline }: CompiledModels, latents: Tensor4D): Tensor4D =>
  unscaleLatents(pipeline.autoencoder, latents);

const binary = (mask: Tensor4D): Tensor4D => cast(greaterEqual(mask, 0.5), "float32") as Tensor4D;

function wholeBatch(what: string, latents: Tensor4D, { batch, latentShape }: PictureRun): Tensor4D {
  const [count, ...rest] = latents.shape;
  if (rest.join() !== latentShape.join() || (count !== 1 && count !== batch))
    throw new ControlNetError(
      "shape",
      `textToImage: expected image ${what} [1 or ${batch}, ${latentShape.join(", ")}], got [${latents.shape}]`,
    );
  return count === batch ? latents.clone() : tile(latents, [batch, 1, 1, 1]);
}

/** An inpainting U-Net's further channels: the mask, and the latents of the picture with grey under the mask. */
function maskedPicture(
  compiled: CompiledModels,
  { maskedLatents }: InitialImage,
  picture: Tensor4D | undefined,
  mask: Tensor4D,
  small: Tensor4D,
  run: PictureRun,
): Tensor4D {
  const grey = () => add(mul(sub(picture!, 0.5), sub(1, binary(mask))), 0.5) as Tensor4D;
  const masked = wholeBatch("maskedLatents", maskedLatents ?? encode(compiled, grey(), run), run);
  return concat([small.shape[0] === run.batch ? small : tile(small, [run.batch, 1, 1, 1]), masked], 3);
}
