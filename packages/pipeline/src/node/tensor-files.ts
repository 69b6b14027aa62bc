import { float32Tensor, isFloatDType, type NamedTensor, toFloat32 } from "@controlnet-js/checkpoints";
import { type OpenSource, openSafetensors, saveSafetensors } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { type Tensor3D, type Tensor4D, tensor3d, tensor4d, tidy, transpose } from "@tensorflow/tfjs-core";
import type { PromptEmbeds } from "../prompt-context.js";

/**
 * Reads latents from a safetensors file: the tensor `latents` or the one named, of any float type, NCHW as diffusers has it.
 * @param channels of a latent, 4 for Stable Diffusion
 * @returns float32 [batch, height, width, channels]; the caller disposes it
 * @throws ControlNetError `io`; `format`, `missing` or `shape` naming the file, what it should hold and what it holds
 */
export const readLatents = (path: string, channels: number, name = "latents"): Tensor4D =>
  withFile(path, (file) => {
    const found = floatTensor(file, path, name);
    const { shape } = found;
    if (shape.length !== 4 || shape[1] !== channels || shape.includes(0))
      throw misshapen(path, name, `[batch, ${channels}, height, width]`, shape);
    return tidy(() => transpose(tensor4d(toFloat32(found), shape as Shape4D), [0, 2, 3, 1]));
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
    const made = (found: NamedTensor): Tensor3D => tensor3d(toFloat32(found), found.shape as Shape3D);
    const positive = read("prompt_embeds");
    if (!file.names().includes("negative_prompt_embeds")) return { positive: made(positive) };
    const negative = read("negative_prompt_embeds");
    return { positive: made(positive), negative: made(negative) };
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

const misshapen = (path: string, name: string, expected: string, shape: readonly number[]): ControlNetError =>
  new ControlNetError("shape", `${path}: expected "${name}" of shape ${expected}, got [${shape.join(", ")}]`);
