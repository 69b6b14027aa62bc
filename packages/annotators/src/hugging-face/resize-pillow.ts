import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage } from "@controlnet-js/preprocessors";

/** The filters of Pillow's `Image.resize` that models ask for. */
export type PillowFilter = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** Those that weigh the pixels around. */
type SummingFilter = Exclude<PillowFilter, "nearest">;

interface Filter {
  /** Half its width, in target pixels where shrinking and source pixels where enlarging. */
  support: number;
  /** Its height at a distance. */
  at(distance: number): number;
}

const f = Math.fround;
const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const filters: Record<SummingFilter, Filter> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Pillow has its two constants in single precision.
  hamming: {
    support: 1,
    at: (x) => (Math.abs(x) < 1 ? sinc(x) * (f(0.54) + f(0.46) * Math.cos(x * Math.PI)) : 0),
  },
  // Keys, "Cubic convolution interpolation", 1981, with a = -1/2.
  bicubic: {
    support: 2,
    at(signed) {
      const x = Math.abs(signed);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Bits behind the point of Pillow's weights. */
const BITS = 22;

/** For each target pixel of a line: the first source pixel that it reads, and the weights of those from there on. */
interface Windows {
  starts: Int32Array;
  weights: Int32Array[];
}

/**
 * A picture at another size (the same one where it has it already), equal to Pillow 13's `Image.resize`: but for
 * `"nearest"` every source pixel counts, so that shrinking leaves no stairs. That is how image processors of transformers resize.
 * @param image bytes, any number of channels
 * @throws ControlNetError `shape` or `range`
 */
export function resizePillow(image: Image, width: number, height: number, filter: PillowFilter): ByteImage {
  assertImage("resizePillow", image);
  if (filter === "nearest") return takeNearest(image, width, height);
  // Bytes are rounded between the passes, so that their order shows. Pillow takes rows first where many fall away.
  return image.height - height > Math.max(0, 2 * (image.width - width))
    ? resizeColumns(resizeRows(image, height, filter), width, filter)
    : resizeRows(resizeColumns(image, width, filter), height, filter);
}

function takeNearest(image: Image, width: number, height: number): ByteImage {
  const result = blankImage(width, height, image.channels);
  const columns = nearestOf(image.width, width);
  const rows = nearestOf(image.height, height);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = (rows[y]! * image.width + columns[x]!) * image.channels;
      for (let c = 0; c < image.channels; c++, to++) result.data[to] = image.data[at + c]!;
    }
  return result;
}

/** The source pixel below the centre of each target pixel; Pillow steps from one to the next, and so do its roundings. */
function nearestOf(source: number, target: number): Int32Array {
  const step = source / target;
  const pixels = new Int32Array(target);
  for (let i = 0, centre = step * 0.5; i < target; i++, centre += step)
    pixels[i] = Math.min(source - 1, Math.trunc(centre));
  return pixels;
}

function resizeColumns(image: Image, width: number, filter: SummingFilter): ByteImage {
  if (width === image.width) return image;
  const { channels, height } = image;
  const result = blankImage(width, height, channels);
  const { starts, weights } = windowsOf(image.width, width, filter);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const start = (y * image.width + starts[x]!) * channels;
      for (let c = 0; c < channels; c++, to++)
        result.data[to] = weighted(image.data, start + c, channels, weights[x]!);
    }
  return result;
}

function resizeRows(image: Image, height: number, filter: SummingFilter): ByteImage {
  if (height === image.height) return image;
  const result = blankImage(image.width, height, image.channels);
  const { starts, weights } = windowsOf(image.height, height, filter);
  const stride = image.width * image.channels;
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < stride; x++, to++)
      result.data[to] = weighted(image.data, starts[y]! * stride + x, stride, weights[y]!);
  return result;
}

/** The sum of source values, `step` apart, by their weights, rounded and held in a byte. */
function weighted(data: Uint8Array, start: number, step: number, weights: Int32Array): number {
  let sum = 1 << (BITS - 1);
  for (let k = 0, at = start; k < weights.length; k++, at += step) sum += data[at]! * weights[k]!;
  return Math.min(255, Math.max(0, sum >> BITS));
}

function windowsOf(source: number, target: number, name: SummingFilter): Windows {
  const filter = filters[name];
  const scale = source / target;
  const wider = Math.max(1, scale);
  const support = filter.support * wider;
  const starts = new Int32Array(target);
  const weights: Int32Array[] = [];
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(source, Math.trunc(centre + support + 0.5));
    const heights = Array.from({ length: end - first }, (_, k) =>
      filter.at((k + first - centre + 0.5) * (1 / wider)),
    );
    const sum = heights.reduce((a, b) => a + b, 0);
    starts[i] = first;
    weights.push(Int32Array.from(heights, (value) => rounded((value / sum) * (1 << BITS))));
  }
  return { starts, weights };
}

/** Half away from zero. */
const rounded = (x: number): number => Math.trunc(x < 0 ? x - 0.5 : x + 0.5);

/** Pillow's numbers of its filters, as `resample` in a processor's config gives them. */
const numbers: readonly PillowFilter[] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/**
 * The filter behind Pillow's number.
 * @throws ControlNetError `unsupported`
 */
export function pillowFilter(where: string, number: number): PillowFilter {
  const filter = numbers[number];
  if (filter) return filter;
  const known = numbers.map((name, key) => `${key} (${name})`);
  throw new ControlNetError(
    "unsupported",
    `${where}: resample ${number} is not built; expected ${known.join(", ")}`,
  );
}
