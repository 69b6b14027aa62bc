import { ControlNetError, type Image } from "@controlnet-js/core";
import { concat, Tensor, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";

/** A picture or map in rows, bytes (0-255) or floats (in [0, 1]). */
export type AnyImage = Image<Uint8Array | Uint8ClampedArray | Float32Array>;

/** One picture for all samples, one for each, or a tensor [1 or batch, height, width, channels] in [0, 1]. */
export type Pictures = AnyImage | readonly AnyImage[] | Tensor4D;

/**
 * Pictures as a new tensor [1 or batch, height, width, channels] in [0, 1]; the caller disposes it.
 * @throws ControlNetError `shape` or `range`, beginning with `where`
 */
export function pictureTensor(
  where: string,
  pictures: Pictures,
  expected: { batch: number; height: number; width: number; channels: number },
): Tensor4D {
  const { batch, height, width, channels } = expected;
  if (pictures instanceof Tensor) {
    const [count] = pictures.shape;
    const rest = pictures.shape.slice(1).join("x");
    if (pictures.rank !== 4 || ![1, batch].includes(count!) || rest !== `${height}x${width}x${channels}`)
      throw new ControlNetError(
        "shape",
        `${where}: expected a tensor [1 or ${batch}, ${height}, ${width}, ${channels}], got [${pictures.shape}]`,
      );
    return tidy(() => pictures.clone());
  }
  const list = Array.isArray(pictures) ? (pictures as readonly AnyImage[]) : [pictures as AnyImage];
  if (list.length !== 1 && list.length !== batch)
    throw new ControlNetError("shape", `${where}: expected 1 or ${batch} pictures, got ${list.length}`);
  for (const image of list) {
    if (image.width !== width || image.height !== height || image.channels !== channels)
      throw new ControlNetError(
        "shape",
        `${where}: expected ${width}x${height} with ${channels} channel${channels === 1 ? "" : "s"}, got ` +
          `${image.width}x${image.height} with ${image.channels}; resize it, or make the picture of its size`,
      );
    if (image.data.length !== width * height * channels)
      throw new ControlNetError(
        "shape",
        `${where}: ${width}x${height}x${channels} needs ${width * height * channels} values, got ${image.data.length}`,
      );
  }
  return tidy(() =>
    concat(
      list.map((image) => tensor4d(unitValues(where, image), [1, height, width, channels])),
      0,
    ),
  );
}

function unitValues(where: string, { data }: AnyImage): Float32Array {
  if (!(data instanceof Float32Array)) return Float32Array.from(data, (value) => value / 255);
  const wrong = data.findIndex((value) => !(value >= -1 && value <= 1));
  if (wrong >= 0)
    throw new ControlNetError(
      "range",
      `${where}: value ${wrong} is ${data[wrong]}; floats must lie in [0, 1] (give bytes for 0-255)`,
    );
  return data;
}

/** Whether every value of every given picture is the same, so that a map tells nothing. False for tensors. */
export function isBlank(pictures: Pictures): boolean {
  if (pictures instanceof Tensor) return false;
  const list = Array.isArray(pictures) ? (pictures as readonly AnyImage[]) : [pictures as AnyImage];
  return list.some(({ data }) => data.every((value) => value === data[0]));
}

/** The size of the given pictures. */
export function sizeOf(pictures: Pictures): { width: number; height: number } {
  if (pictures instanceof Tensor) return { height: pictures.shape[1]!, width: pictures.shape[2]! };
  const first = (Array.isArray(pictures) ? pictures[0] : pictures) as AnyImage | undefined;
  if (!first)
    throw new ControlNetError("shape", "textToImage: expected at least one picture, got an empty list");
  return { width: first.width, height: first.height };
}
