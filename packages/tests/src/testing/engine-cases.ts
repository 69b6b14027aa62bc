import {
  attention,
  convolution,
  createResidualBlock,
  createSpatialTransformer,
  downsample,
  embedTimesteps,
  geglu,
  gelu,
  groupNorm,
  layerNorm,
  leavesOf,
  linear,
  quickGelu,
  rematerialize,
  residualBlock,
  shapeInitializer,
  silu,
  spatialTransformer,
  treeLike,
  upsample,
  zeroConvolution,
} from "@controlnet-js/core";
import { embedTokens } from "@controlnet-js/text-encoder";
import {
  add,
  concat,
  einsum,
  gather,
  matMul,
  mean,
  mul,
  reshape,
  slice,
  square,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import type { EngineCase } from "./on-backends.js";

const shapesOf = (tree: unknown): number[][] => leavesOf(tree).map((leaf) => leaf.value.shape);

/** Parameters of a usual size, so that rounding is not blown up from layer to layer. */
const small = (leaf: Tensor): Tensor => mul(leaf, 0.1);

const residual = createResidualBlock(shapeInitializer, "", 16, 32, 24);
const transformer = createSpatialTransformer(shapeInitializer, "", {
  channels: 32,
  contextChannels: 24,
  depth: 1,
  linearProjection: false,
});

const convolutionCase = (
  size: number,
  options: Parameters<typeof convolution>[2],
  [height, width] = [13, 10],
): EngineCase => ({
  name: `convolution ${size}x${size} ${JSON.stringify(options)} of ${height}x${width}`,
  shapes: [[2, height!, width!, 5], [size, size, 5, 7], [7]],
  run: (x, kernel, bias) => convolution(x as Tensor4D, { kernel: kernel!, bias: bias! }, options),
});

/** The operations and blocks of core, at sizes on both sides of the limits that engines choose an algorithm by. */
export const coreCases: EngineCase[] = [
  convolutionCase(3, {}),
  convolutionCase(1, {}),
  convolutionCase(4, {}),
  convolutionCase(5, {}, [6, 7]),
  convolutionCase(3, { stride: 2 }),
  convolutionCase(3, { stride: 2 }, [12, 9]),
  convolutionCase(3, { stride: 2, padding: "down-right" }, [12, 8]),
  convolutionCase(1, { stride: 2, padding: "same" }, [9, 8]),
  {
    name: "token embedding",
    shapes: [[7, 6]],
    run: (table) => {
      const tokens = tensor2d([0, 3, 6, 3, 3, 1], [2, 3], "int32");
      return embedTokens(table!, tokens);
    },
  },
  {
    name: "zero convolution",
    shapes: [[2, 9, 9, 8], [1, 1, 8, 4], [4]],
    run: (x, kernel, bias) => zeroConvolution(x as Tensor4D, { kernel: kernel!, bias: bias! }),
  },
  {
    name: "linear",
    shapes: [[3, 50, 33], [33, 47], [47]],
    run: (x, kernel, bias) => linear(x!, { kernel: kernel!, bias: bias! }),
  },
  {
    name: "group norm",
    shapes: [[3, 12, 11, 32], [32], [32]],
    run: (x, scale, bias) => groupNorm(x as Tensor4D, { scale: scale!, bias: bias! }, 8, 1e-5),
  },
  {
    name: "group norm of one sample",
    shapes: [[1, 16, 16, 24], [24], [24]],
    run: (x, scale, bias) => groupNorm(x as Tensor4D, { scale: scale!, bias: bias! }, 4, 1e-6),
  },
  {
    name: "layer norm",
    shapes: [[2, 60, 40], [40], [40]],
    run: (x, scale, bias) => layerNorm(x!, { scale: scale!, bias: bias! }),
  },
  ...[silu, gelu, quickGelu, geglu].map((f, i) => ({
    name: ["silu", "gelu", "quickGelu", "geglu"][i]!,
    shapes: [[3, 17, 12]],
    run: (x: Tensor) => f(x),
  })),
  ...[
    [4, 7, 7, 6],
    [3, 65, 33, 40],
    [1, 70, 70, 20],
  ].map(([heads, queries, keys, d]) => ({
    name: `attention of ${heads} heads, ${queries} queries, ${keys} keys`,
    shapes: [
      [heads!, queries!, d!],
      [heads!, keys!, d!],
      [heads!, keys!, d!],
    ],
    run: (q: Tensor, k: Tensor, v: Tensor) => attention(q as Tensor3D, k as Tensor3D, v as Tensor3D),
  })),
  {
    name: "downsample",
    shapes: [[2, 16, 12, 6], [3, 3, 6, 6], [6]],
    run: (x, kernel, bias) => downsample(x as Tensor4D, { kernel: kernel!, bias: bias! }),
  },
  {
    name: "upsample",
    shapes: [[2, 8, 6, 6], [3, 3, 6, 6], [6]],
    run: (x, kernel, bias) => upsample(x as Tensor4D, { kernel: kernel!, bias: bias! }),
  },
  {
    name: "timestep embedding",
    shapes: [[8, 16], [16], [16, 16], [16]],
    run: (a, b, c, d) =>
      embedTimesteps(tensor1d([1, 40, 999]) as Tensor1D, {
        linear1: { kernel: a!, bias: b! },
        linear2: { kernel: c!, bias: d! },
      }),
  },
  {
    name: "residual block",
    shapes: [[2, 9, 8, 16], [2, 24], ...shapesOf(residual)],
    run: (x, time, ...leaves) =>
      residualBlock(x as Tensor4D, treeLike(residual, leaves.map(small)) as never, time as Tensor2D, {
        groups: 4,
        epsilon: 1e-5,
      }),
  },
  {
    name: "spatial transformer",
    shapes: [[2, 8, 9, 32], [2, 11, 24], ...shapesOf(transformer)],
    run: (x, context, ...leaves) =>
      spatialTransformer(
        x as Tensor4D,
        treeLike(transformer, leaves.map(small)) as never,
        context as Tensor3D,
        {
          heads: 4,
          groups: 8,
        },
      ),
  },
  {
    name: "rematerialised residual block",
    shapes: [[2, 9, 8, 16], [2, 24], ...shapesOf(residual)],
    run: (x, time, ...leaves) =>
      rematerialize(
        (inputs) =>
          residualBlock(inputs.x, inputs.params as never, inputs.time, { groups: 4, epsilon: 1e-5 }),
        { x: x as Tensor4D, time: time as Tensor2D, params: treeLike(residual, leaves.map(small)) },
      ),
  },
];

/** Operations of tfjs that the models use around core's. */
export const tfjsCases: EngineCase[] = [
  ...[
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ].flatMap(([transposeA, transposeB]) =>
    [
      { a: [], b: [] },
      { a: [3], b: [3] },
      { a: [1], b: [3] },
      { a: [3], b: [1] },
      { a: [2, 3], b: [2, 3] },
      { a: [2, 1], b: [1, 3] },
    ].map(({ a, b }) => ({
      name: `matMul ${transposeA ? "a^T" : "a"} ${transposeB ? "b^T" : "b"} of batch [${a}] and [${b}]`,
      shapes: [
        [...a, ...(transposeA ? [31, 40] : [40, 31])],
        [...b, ...(transposeB ? [36, 31] : [31, 36])],
      ],
      run: (x: Tensor, y: Tensor) => matMul(x, y, transposeA, transposeB),
      valueOnly: `${a}` !== `${b}`,
    })),
  ),
  {
    name: "gather with repeated rows",
    shapes: [[6, 4]],
    run: (table) => gather(table!, tensor1d([5, 0, 5, 2], "int32")),
  },
  {
    name: "einsum",
    shapes: [
      [3, 4, 5],
      [3, 5, 6],
    ],
    run: (a, b) => einsum("bij,bjk->bik", a!, b!),
    valueOnly: true,
  },
  {
    name: "einsum of permuted axes",
    shapes: [
      [3, 4, 2],
      [5, 4],
    ],
    run: (a, b) => einsum("abc,db->cad", a!, b!),
    valueOnly: true,
  },
  {
    name: "skip connection",
    shapes: [
      [2, 5, 4, 6],
      [2, 5, 4, 3],
    ],
    run: (a, b) => concat([a!, b!], 3),
  },
  {
    name: "mean square",
    shapes: [[3, 20, 20, 4]],
    run: (x) => mean(square(x!), [1, 2, 3]),
  },
  {
    name: "sums over every run of axes",
    shapes: [[4, 12, 10, 12]],
    run: (x) =>
      concat(
        [[0], [1], [0, 1], [1, 2], [0, 1, 2], [0, 2], [3], [0, 1, 2, 3]].map(
          (axes) => reshape(mean(x!, axes), [-1]) as Tensor1D,
        ),
      ),
  },
  {
    name: "broadcast sums",
    shapes: [[2, 30, 40], [2, 1, 40], [40]],
    run: (x, a, b) => add(mul(x!, a!), b!),
  },
  {
    name: "slice",
    shapes: [[2, 6, 6, 4]],
    run: (x) => slice(x!, [0, 1, 2, 1], [2, 4, 3, 2]),
  },
];
