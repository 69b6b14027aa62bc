import { readFileSync } from "node:fs";
import { float32Tensor, type TensorSource, tensorSource } from "@controlnet-js/checkpoints";
import { crc32 } from "@controlnet-js/core";

/** The names and shapes of a network's weights, as `tooling/reference/annotators/networks.py` found them in PyTorch. */
export function publishedTensors(network: string): Record<string, number[]> {
  const url = new URL("../../fixtures/tensors.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"))[network];
}

/** The weights of a network in `tensors.json`, made as {@link madeSource} does. */
export const madeWeights = (network: string, rename?: (name: string) => string): TensorSource =>
  madeSource(publishedTensors(network), rename);

/** Weights made from names and shapes alone, equal to those of `tooling/reference/annotators/weights.py`. */
export function madeSource(
  tensors: Record<string, number[]>,
  rename: (name: string) => string = (name) => name,
): TensorSource {
  return tensorSource(
    Object.entries(tensors).map(([name, shape]) => ({
      ...float32Tensor(rename(name), shape, new Float32Array()),
      bytes: () => new Uint8Array(madeWeight(name, shape).buffer),
    })),
  );
}

function madeWeight(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const product = (sides: readonly number[]) => sides.reduce((a, b) => a * b, 1);
  const values = new Float32Array(product(shape));
  const seed = crc32(new TextEncoder().encode(name));
  const isPositive = name.endsWith("running_var") || (shape.length === 1 && name.endsWith(".weight"));
  const gain = name.endsWith("projection.weight") ? 0.01 : 1;
  const bound = shape.length === 1 ? 0.1 : Math.sqrt(6 / product(shape.slice(1))) * gain;
  for (let i = 0; i < values.length; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b1)) | 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b);
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35);
    x ^= x >>> 16;
    const u = (x >>> 8) / 2 ** 24;
    values[i] = isPositive ? 0.5 + u : (2 * u - 1) * bound;
  }
  return values;
}
