import { float32Tensor, isFloatDType, type NamedTensor, toFloat32 } from "@controlnet-js/checkpoints";
import { type OpenSource, openSafetensors, saveSafetensors } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { type Tensor4D, tensor3d, tensor4d, tidy, transpose } from "@tensorflow/tfjs-core";
import type { PromptEmbeds } from "./pipeline.js";

/**
 * Reads latents from a safetensors file: the tensor `latents` or the one named, of any float type, NCHW as diffusers has it.
 * @param channels of a latent, 4 for Stable Diffusion
 * @returns float32 [batch, height, width, channels]; the caller disposes it
 * @throws ControlNetError `io`; `format`, `missing`, `shape` or `data` naming the file, what it should hold and what it holds
 */
export const readLatents = (path: string, channels: number, name = "latents"): Tensor4D =>
  withFile(path, (file) => {
    const found = floatTensor(file, path, name);
    const { shape } = found;
    if (shape.length !== 4 || shape[1] !== channels || shape.includes(0))
      throw misshapen(path, name, `[batch, ${channels}, height, width]`, shape);
    const values = finiteValues(found, path);
    return tidy(() => transpose(tensor4d(values, shape as Shape4D), [0, 2, 3, 1]));
  });

/**
 * The names of the tensors in a safetensors file.
 * @throws ControlNetError `io`, `format`
 */
export const tensorNames = (path: string): string[] => withFile(path, (file) => [...file.names()]);

/**
 * Saves latents [batch, height, width, channels] as the tensor `latents`, float32 and NCHW, of a safetensors file.
 * @throws ControlNetError `io`
 */
export async function saveLatents(path: string, latents: Tensor4D): Promise<void> {
  const published = tidy(() => transpose(latents, [0, 3, 1, 2]));
  try {
    const values = (await published.data()) as Float32Array;
    await saveSafetensors(path, [float32Tensor("latents", published.shape, values)]);
  } finally {
    published.dispose();
  }
}

/**
 * Reads prompt embeddings from a safetensors file: `prompt_embeds` [1 or batch, tokens, features] and, where it is there,
 * `negative_prompt_embeds` of the same shape, of any float type.
 * @param features of a token, 768 or 1024 for Stable Diffusion
 * @returns float32 tensors that the caller disposes
 * @throws as {@link readLatents}
 */
export const readPromptEmbeds = (path: string, features: number): PromptEmbeds =>
  withFile(path, (file) => {
    const read = (name: string): NamedTensor => {
      const found = floatTensor(file, path, name);
      const { shape } = found;
      if (shape.length !== 3 || shape[2] !== features || shape.includes(0))
        throw misshapen(path, name, `[batch, tokens, ${features}]`, shape);
      return found;
    };
    const positive = read("prompt_embeds");
    const negative = file.names().includes("negative_prompt_embeds")
      ? read("negative_prompt_embeds")
      : undefined;
    const values = [positive, ...(negative ? [negative] : [])].map((found) => finiteValues(found, path));
    return {
      positive: tensor3d(values[0]!, positive.shape as Shape3D),
      ...(negative && { negative: tensor3d(values[1]!, negative.shape as Shape3D) }),
    };
  });

type Shape3D = [number, number, number];
type Shape4D = [number, number, number, number];

function withFile<T>(path: string, body: (file: OpenSource) => T): T {
  const file = openSafetensors(path);
  try {
    return body(file);
  } finally {
    file.close();
  }
}

function floatTensor(file: OpenSource, path: string, name: string): NamedTensor {
  const names = file.names();
  if (!names.includes(name))
    throw new ControlNetError(
      "missing",
      `${path}: expected a tensor "${name}", got ${names.length === 0 ? "none" : names.map((n) => `"${n}"`).join(", ")}`,
    );
  const found = file.get(name);
  if (!isFloatDType(found.dtype))
    throw new ControlNetError(
      "format",
      `${path}: expected "${name}" as floats (F32, F16 or BF16), got ${found.dtype}`,
    );
  return found;
}

/** @throws ControlNetError `data` for NaN and infinity, which no run gets rid of */
function finiteValues(tensor: NamedTensor, path: string): Float32Array {
  const values = toFloat32(tensor);
  const place = values.findIndex((value) => !Number.isFinite(value));
  if (place >= 0)
    throw new ControlNetError(
      "data",
      `${path}: expected "${tensor.name}" without NaN and infinity, got ${values[place]} at place ${place} of ${values.length}; make it again`,
    );
  return values;
}

const misshapen = (path: string, name: string, expected: string, shape: readonly number[]): ControlNetError =>
  new ControlNetError("shape", `${path}: expected "${name}" of shape ${expected}, got [${shape.join(", ")}]`);
