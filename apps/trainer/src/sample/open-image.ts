import { latentFactor, type Pipeline, unetTask } from "@controlnet-js/models";
import { type InitialImage, sizeOf } from "@controlnet-js/pipeline";
import { Tensor } from "@tensorflow/tfjs-core";
import type { PictureSize, SampleOptions } from "./picture-options.js";

/**
 * Has the initial image of a run made, which settles the size where nothing else has.
 * @param disposals takes what frees the tensors that are made here
 */
export async function openImage(
  { image: given }: SampleOptions,
  model: Pipeline,
  { batch, size }: { batch: number; size: PictureSize | undefined },
  disposals: (() => void)[],
  warnings: string[],
): Promise<{ image: InitialImage | undefined; size: PictureSize | undefined }> {
  if (typeof given !== "function") return { image: given, size: size ?? (given && sizeIn(given, model)) };
  const image = await given({
    model,
    task: unetTask(model) ?? "paint",
    batch,
    size,
    multiple: latentFactor(model),
    warn: (message) => warnings.push(message),
  });
  for (const made of Object.values(image ?? {}))
    if (made instanceof Tensor) disposals.push(() => made.dispose());
  return { image, size: size ?? (image && sizeIn(image, model)) };
}

function sizeIn({ picture, latents, maskedLatents }: InitialImage, model: Pipeline): PictureSize | undefined {
  if (picture) return sizeOf(picture);
  const shape = (latents ?? maskedLatents)?.shape;
  const factor = latentFactor(model);
  return shape && { width: shape[2] * factor, height: shape[1] * factor };
}
