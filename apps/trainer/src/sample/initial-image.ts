import { ControlNetError, type Image } from "@controlnet-js/core";
import { readLatents, tensorNames } from "@controlnet-js/models/node";
import type { InitialImage } from "@controlnet-js/pipeline";
import { readImage } from "@controlnet-js/preprocessors/node";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { checkDenoise } from "./check-parameters.js";
import { fitMap, roundedDown } from "./fit-map.js";
import type { ImageMaker, ImageRequest, PictureSize } from "./picture-options.js";
import { readMask } from "./read-mask.js";
import type { SampleParameters } from "./sample-parameters.js";

/** What the parameters say about the picture to begin with. */
type ImageParameters = Pick<
  SampleParameters,
  "model" | "initImage" | "initLatents" | "mask" | "denoise" | "imageGuidance" | "steps"
>;

/**
 * Makes the initial image of the parameters: the picture of `--init-image` or the latents of `--init-latents`, with
 * `--mask`. The maker throws ControlNetError `config`, `missing` or `shape` where the model takes none or others, `io`,
 * `data` or `format` for what can't be read, all in the words of the command line.
 */
export const initialImage =
  (parameters: ImageParameters): ImageMaker =>
  async (request) => {
    checkTask(parameters, request);
    const { initImage, initLatents, mask, denoise } = parameters;
    if (initImage === undefined && initLatents === undefined) return undefined;
    if (request.task !== "edit") checkDenoise(denoise ?? (mask === undefined ? 0.8 : 1), parameters.steps);
    const source = initImage === undefined ? undefined : await readImage(initImage);
    const ready = initLatents === undefined ? {} : readInitLatents(initLatents, request);
    try {
      const size = settledSize(parameters, request, source, ready.latents ?? ready.maskedLatents);
      return {
        ...ready,
        ...(source && { picture: fitted(initImage!, source, size, request) }),
        ...(mask !== undefined && { mask: await readMask(mask, size, { ...request, beside: source }) }),
        ...(denoise !== undefined && { strength: denoise }),
      };
    } catch (error) {
      ready.latents?.dispose();
      ready.maskedLatents?.dispose();
      throw error;
    }
  };

/** Whether the model takes what is given, and is given what it needs. */
function checkTask(parameters: ImageParameters, { task, model }: ImageRequest): void {
  const { initImage, initLatents, mask, denoise, imageGuidance } = parameters;
  const channels = model.unet.config.inChannels;
  const name = `the model ${parameters.model}`;
  const refuse = (code: "config" | "missing", message: string): never => {
    throw new ControlNetError(code, `controlnet sample: ${message}`);
  };
  if (task !== "edit" && imageGuidance !== undefined)
    refuse(
      "config",
      `--image-guidance belongs to models that edit by instruction, of ${2 * model.autoencoder.config.latentChannels} ` +
        `input channels; ${name} has ${channels}: leave it out`,
    );
  switch (task) {
    case "inpaint":
      if (mask === undefined || (initImage === undefined && initLatents === undefined))
        refuse(
          "missing",
          `${name} is for inpainting (${channels} input channels): give --init-image PICTURE and --mask MASK, white ` +
            "where it is painted anew",
        );
      break;
    case "edit":
      if (initImage === undefined && initLatents === undefined)
        refuse(
          "missing",
          `${name} edits by instruction (${channels} input channels): give --init-image PICTURE, and what to change as --prompt`,
        );
      if (mask !== undefined || denoise !== undefined)
        refuse(
          "config",
          `${name} edits by instruction: it takes no ${mask === undefined ? "--denoise" : "--mask"}; --image-guidance says how ` +
            "closely the result keeps to the picture",
        );
  }
  if (task !== "inpaint" && initImage !== undefined && initLatents !== undefined)
    refuse(
      "config",
      "expected --init-image or --init-latents, got both; only models for inpainting take both",
    );
}

/** The tensors of `--init-latents`: `latents`, and for models for inpainting `masked_image_latents`. */
function readInitLatents(
  path: string,
  { model, task }: ImageRequest,
): Pick<InitialImage, "latents" | "maskedLatents"> {
  const channels = model.autoencoder.config.latentChannels;
  if (task !== "inpaint" || !tensorNames(path).includes("masked_image_latents"))
    return { latents: readLatents(path, channels) };
  const maskedLatents = readLatents(path, channels, "masked_image_latents");
  try {
    return tensorNames(path).includes("latents")
      ? { maskedLatents, latents: readLatents(path, channels) }
      : { maskedLatents };
  } catch (error) {
    maskedLatents.dispose();
    throw error;
  }
}

function settledSize(
  { initLatents }: ImageParameters,
  { size, multiple, batch }: ImageRequest,
  source: Image | undefined,
  latents: Tensor4D | undefined,
): PictureSize {
  if (!latents) return size ?? roundedDown(source!, multiple);
  const [count, height, width] = latents.shape;
  const own = { width: width * multiple, height: height * multiple };
  if (size && (size.width !== own.width || size.height !== own.height))
    throw new ControlNetError(
      "shape",
      `${initLatents}: for pictures of ${own.width}x${own.height}, but the size asked for is ${size.width}x${size.height}; ` +
        "leave one of them out",
    );
  if (count !== 1 && count !== batch)
    throw new ControlNetError(
      "shape",
      `${initLatents}: expected one latent or as many as pictures, ${batch}, got ${count}; --batch says how many`,
    );
  return own;
}

/** The picture cropped around its middle and resized, which is said. */
function fitted(path: string, source: Image, size: PictureSize, { warn }: ImageRequest): Image {
  if (source.width === size.width && source.height === size.height) return source;
  warn(
    `${path}: resized from ${source.width}x${source.height} to ${size.width}x${size.height}, the picture's size`,
  );
  const shrinks = source.width * source.height > size.width * size.height;
  return fitMap(source, size, shrinks ? "area" : "lanczos4");
}
