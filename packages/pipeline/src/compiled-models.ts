import {
  type Autoencoder,
  decodeLatents,
  decodeTiled,
  encodeImages,
  encodeTiled,
  scaleLatents,
  type TileOptions,
  unscaleLatents,
} from "@controlnet-js/autoencoder";
import { encodeHint } from "@controlnet-js/controlnet";
import { ControlNetError, type Image, type Jitted, jit } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import { encodeText } from "@controlnet-js/text-encoder";
import {
  add,
  clipByValue,
  dispose,
  mul,
  round,
  type Scalar,
  slice,
  sub,
  sum,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";
import { guidedPrediction } from "./guided-prediction.js";

/** The compiled functions of a pipeline, each traced at its first call with a shape. */
export interface CompiledFunctions {
  predict: Jitted<typeof guidedPrediction>;
  encodeText: Jitted<typeof encodeText>;
  encodeHint: Jitted<typeof encodeHint>;
  encodePicture: Jitted<typeof encodeFromUnit>;
  decodePicture: Jitted<typeof decodeToBytes>;
}

/** A pipeline's models whose functions stay compiled from run to run. It does not own the parameters. */
export interface CompiledModels {
  readonly pipeline: Pipeline;
  readonly functions: CompiledFunctions;
  /**
   * The pictures, 8-bit RGB, of latents as the U-Net sees them [batch, height, width, channels]. One after another, to
   * need the memory of one; with `tiles` that of one tile.
   */
  decodeLatents(latents: Tensor4D, tiles?: TileOptions): Promise<Image[]>;
  /**
   * The latents, as the U-Net sees them, of pictures [batch, height, width, channels] in [0, 1]: the mean of their
   * distribution. The caller disposes them.
   */
  encodePictures(pictures: Tensor4D, tiles?: TileOptions): Tensor4D;
  /** Frees the compiled functions. */
  dispose(): void;
}

/** Makes the functions of a pipeline's models; nothing is traced before it is called. */
export function compileModels(pipeline: Pipeline): CompiledModels {
  const functions: CompiledFunctions = {
    predict: jit(guidedPrediction, { name: "guidedPrediction" }),
    encodeText: jit(encodeText, { name: "encodeText" }),
    encodeHint: jit(encodeHint, { name: "encodeHint" }),
    encodePicture: jit(encodeFromUnit, { name: "encodePicture" }),
    decodePicture: jit(decodeToBytes, { name: "decodePicture" }),
  };
  const compiled: CompiledModels = {
    pipeline,
    functions,
    decodeLatents: (latents, tiles) => decodeAll(compiled, latents, tiles),
    encodePictures(pictures, tiles) {
      const { autoencoder } = pipeline;
      // Tile by tile op by op: one compiled function of all tiles would need the memory of all.
      return tiles
        ? tidy(() => encodeFromUnit(autoencoder, pictures, tiles))
        : functions.encodePicture(autoencoder, pictures);
    },
    dispose() {
      for (const compiledFunction of Object.values(functions)) compiledFunction.dispose();
    },
  };
  return compiled;
}

/** Pictures in [0, 1] to scaled latents. */
function encodeFromUnit(autoencoder: Autoencoder, pictures: Tensor4D, tiles?: TileOptions): Tensor4D {
  const signed = sub(mul(pictures, 2), 1) as Tensor4D;
  const { mean } = tiles ? encodeTiled(autoencoder, signed, tiles) : encodeImages(autoencoder, signed);
  return scaleLatents(autoencoder, mean);
}

/**
 * Scaled latents to pictures of whole numbers in 0-255, as floats, with the decoder's `total`: a number only where every
 * value is one, of which the bytes tell nothing.
 */
function decodeToBytes(
  autoencoder: Autoencoder,
  latents: Tensor4D,
  tiles?: TileOptions,
): { bytes: Tensor4D; total: Scalar } {
  const unscaled = unscaleLatents(autoencoder, latents);
  const picture = tiles ? decodeTiled(autoencoder, unscaled, tiles) : decodeLatents(autoencoder, unscaled);
  const bytes = round(mul(clipByValue(add(mul(picture, 0.5), 0.5), 0, 1), 255)) as Tensor4D;
  return { bytes, total: sum(picture) };
}

const decodedToNaN = (place: number, batch: number): ControlNetError =>
  new ControlNetError(
    "data",
    `decodeLatents: NaN or infinity in picture ${place + 1} of ${batch}: it comes from the autoencoder's decoder, or the latents ` +
      "that it was given; look for NaN or infinity in its weights, which half precision may have made: take the file in full " +
      "precision",
  );

async function decodeAll(
  { pipeline, functions }: CompiledModels,
  latents: Tensor4D,
  tiles: TileOptions | undefined,
): Promise<Image[]> {
  const { autoencoder } = pipeline;
  const [batch, height, width, channels] = latents.shape;
  const images: Image[] = [];
  for (let i = 0; i < batch; i++) {
    const one = tidy(() => slice(latents, [i, 0, 0, 0], [1, height, width, channels]));
    try {
      const { bytes, total } = tiles
        ? tidy(() => decodeToBytes(autoencoder, one, tiles))
        : functions.decodePicture(autoencoder, one);
      const [, pictureHeight, pictureWidth, pictureChannels] = bytes.shape;
      const [values, [value]] = await Promise.all([bytes.data(), total.data()]).finally(() =>
        dispose([bytes, total]),
      );
      if (!Number.isFinite(value)) throw decodedToNaN(i, batch);
      const data = Uint8Array.from(values);
      images.push({ data, width: pictureWidth, height: pictureHeight, channels: pictureChannels });
    } finally {
      one.dispose();
    }
  }
  return images;
}
