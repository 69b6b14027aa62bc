import type { TransformersLibrary } from "../node/open-transformers.js";

/** A tensor of the stand-in: `[1, channels, height, width]`. */
interface StandInTensor {
  data: Float32Array;
  dims: number[];
}

/** Means of 4x4 values, [1, channels, height / 4, width / 4], sizes rounded down. */
function means({ data, dims }: StandInTensor): StandInTensor {
  const [, channels, height, width] = dims as [number, number, number, number];
  const [rows, columns] = [height >> 2, width >> 2];
  const values = new Float32Array(channels * rows * columns);
  for (let i = 0; i < values.length; i++) {
    const [c, y, x] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    let sum = 0;
    for (let k = 0; k < 16; k++) sum += data[(c * height + y * 4 + (k >> 2)) * width + x * 4 + (k & 3)]!;
    values[i] = sum / 16;
  }
  return { data: values, dims: [1, channels, rows, columns] };
}

const loaded = <T extends object>(model: T) => ({
  from_pretrained: async () => Object.assign(model, { dispose: async () => [] }),
});

/** The computations of the models in fixtures/transformers, behind the interface of `@huggingface/transformers`. */
export const standInLibrary = {
  env: { allowRemoteModels: true, localModelPath: "before" },
  RawImage: class {
    constructor(
      readonly data: Uint8Array,
      readonly width: number,
      readonly height: number,
    ) {}
  },
  Tensor: class {
    constructor(
      readonly type: string,
      readonly data: Float32Array,
      readonly dims: number[],
    ) {}
  },
  AutoModelForDepthEstimation: loaded(
    async ({ pixel_values: { data, dims } }: { pixel_values: StandInTensor }) => {
      const [, , height, width] = dims as [number, number, number, number];
      return { predicted_depth: { dims: [1, height, width], data: data.subarray(0, height * width) } };
    },
  ),
  AutoModelForSemanticSegmentation: loaded(
    async ({ pixel_values: pixels }: { pixel_values: StandInTensor }) => ({
      logits: means(pixels),
    }),
  ),
  pipeline: async () =>
    Object.assign(
      async (image: { width: number }) => [{ generated_text: ` a picture ${image.width} wide\n` }],
      { dispose: async () => [] },
    ),
} as unknown as TransformersLibrary;
