import { ControlNetError, type Image } from "@controlnet-js/core";
import type { Sample } from "./dataset.js";
import { fillHoles } from "./holes.js";

/** Samples side by side, channels last, ready to become tensors. */
export interface CollatedBatch {
  /** Pictures in [-1, 1], shape `imageShape`. */
  images: Float32Array;
  /** `[batch, height, width, 3]`. */
  imageShape: [number, number, number, number];
  /** Control maps in [0, 1], -1 in holes, shape `mapShape`. */
  maps: Float32Array;
  /** `[batch, height, width, channels]`. */
  mapShape: [number, number, number, number];
  captions: string[];
}

/**
 * Lays samples of one size side by side.
 * @throws ControlNetError `shape` for no samples or ones of different sizes
 */
export function collate(samples: readonly Sample[]): CollatedBatch {
  const image = stack(
    samples,
    ({ image }) => image,
    (byte) => byte / 127.5 - 1,
  );
  const map = stack(
    samples,
    ({ map }) => map,
    (byte) => byte / 255,
  );
  fillHoles(map.values, samples, map.shape[3]);
  return {
    images: image.values,
    imageShape: image.shape,
    maps: map.values,
    mapShape: map.shape,
    captions: samples.map(({ caption }) => caption),
  };
}

function stack(samples: readonly Sample[], part: (sample: Sample) => Image, unit: (byte: number) => number) {
  const [first] = samples;
  if (!first) throw new ControlNetError("shape", "collate: expected at least one sample, got none");
  const { width, height, channels } = part(first);
  const length = width * height * channels;
  const values = new Float32Array(samples.length * length);
  const units = Float32Array.from({ length: 256 }, (_, byte) => unit(byte));
  for (const [i, sample] of samples.entries()) {
    const { data, ...size } = part(sample);
    if (size.width !== width || size.height !== height || size.channels !== channels)
      throw new ControlNetError(
        "shape",
        `collate: expected ${width}x${height}x${channels} like ${first.name}, ` +
          `got ${size.width}x${size.height}x${size.channels} (${sample.name})`,
      );
    for (let j = 0; j < length; j++) values[i * length + j] = units[data[j]!]!;
  }
  return { values, shape: [samples.length, height, width, channels] as [number, number, number, number] };
}
