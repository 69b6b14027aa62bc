import { attention, type Convolution, convolution, groupNorm, layerNorm, linear } from "@controlnet-js/core";
import { grads, type Tensor, type Tensor3D, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Case, Compile } from "../case.js";
import { values } from "../weights.js";

const small = { others: ["op by op", "wasm"], calls: 30, warmUp: 5, rounds: 3 } as const;

/** Runs `fn` over tensors made once. */
const forward = (fn: (...inputs: Tensor[]) => Tensor, shapes: number[][]) => (compile: Compile) => {
  const inputs = shapes.map((shape) => values(shape));
  const run = compile(fn);
  return () => run(...inputs);
};

/** Value and the gradients of all inputs, for an upstream gradient of the output's shape. */
const withGradients =
  (fn: (...inputs: Tensor[]) => Tensor, shapes: number[][], output: number[]) => (compile: Compile) => {
    const inputs = shapes.map((shape) => values(shape));
    const upstream = values(output);
    const run = compile((dy: Tensor, ...xs: Tensor[]) => grads(fn)(xs, dy));
    return () => run(upstream, ...inputs);
  };

const convolve = (x: Tensor, kernel: Tensor, bias: Tensor): Tensor =>
  convolution(x as Tensor4D, { kernel, bias } as Convolution);

const convolutions = [
  [64, 320],
  [32, 640],
  [16, 1280],
].flatMap(([side, channels]): Case[] => {
  const shape = [1, side!, side!, channels!];
  const shapes = [shape, [3, 3, channels!, channels!], [channels!]];
  return [
    {
      name: `conv-${side}`,
      title: `3x3 convolution ${side}x${side}x${channels}`,
      ...small,
      setUp: forward(convolve, shapes),
    },
    {
      name: `conv-${side}-gradients`,
      title: `3x3 convolution ${side}x${side}x${channels}, with gradients`,
      ...small,
      calls: 10,
      setUp: withGradients(convolve, shapes, shape),
    },
  ];
});

const attend = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
  attention(q as Tensor3D, k as Tensor3D, v as Tensor3D);
const heads = [8, 4096, 40];

const normalise = (x: Tensor, scale: Tensor, bias: Tensor): Tensor =>
  groupNorm(x as Tensor4D, { scale, bias } as never, 32, 1e-5);
const pixels = [1, 64, 64, 320];
const normaliseRows = (x: Tensor, scale: Tensor, bias: Tensor): Tensor => layerNorm(x, { scale, bias });
const tokens = [1, 4096, 320];

/** Single operations at the sizes of Stable Diffusion 1.5. */
export const ops: Case[] = [
  ...convolutions,
  {
    name: "matmul",
    title: "linear 4096x320 to 2560",
    ...small,
    setUp: forward(
      (x, kernel, bias) => linear(x, { kernel, bias } as never),
      [[4096, 320], [320, 2560], [2560]],
    ),
  },
  {
    name: "attention",
    title: "attention, 4096 tokens, 8 heads of 40",
    ...small,
    calls: 10,
    setUp: forward(attend, [heads, heads, heads]),
  },
  {
    name: "attention-gradients",
    title: "attention, 4096 tokens, 8 heads of 40, with gradients",
    ...small,
    calls: 5,
    warmUp: 2,
    setUp: withGradients(attend, [heads, heads, heads], heads),
  },
  {
    name: "group-norm",
    title: "group norm 64x64x320",
    ...small,
    setUp: forward(normalise, [pixels, [320], [320]]),
  },
  {
    name: "group-norm-gradients",
    title: "group norm 64x64x320, with gradients",
    ...small,
    setUp: withGradients(normalise, [pixels, [320], [320]], pixels),
  },
  {
    name: "layer-norm",
    title: "layer norm 4096x320",
    ...small,
    setUp: forward(normaliseRows, [tokens, [320], [320]]),
  },
  {
    name: "layer-norm-gradients",
    title: "layer norm 4096x320, with gradients",
    ...small,
    setUp: withGradients(normaliseRows, [tokens, [320], [320]], tokens),
  },
];
