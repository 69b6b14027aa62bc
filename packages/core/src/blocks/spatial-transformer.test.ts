import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { reshape, slice, type Tensor, type Tensor3D, type Tensor4D, zerosLike } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer, shapeInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { countParameters, leavesOf, mapTree, treeLike } from "../tree.js";
import {
  createSpatialTransformer,
  type SpatialTransformer,
  spatialTransformer,
} from "./spatial-transformer.js";

beforeAll(useCpuBackend);

const shape = { channels: 4, contextChannels: 3, depth: 2, linearProjection: false };
const inputs = () => [randomTensor<Tensor4D>([2, 2, 3, 4]), randomTensor<Tensor3D>([2, 5, 3])] as const;
const options = { heads: 2, groups: 2 };

test("a spatial transformer whose last projection is zero is the identity", () => {
  const params = createSpatialTransformer(randomInitializer(1), "transformer", shape);
  const [x, context] = inputs();
  const projectOut = mapTree(params.projectOut, (leaf) => zerosLike(leaf)) as typeof params.projectOut;
  expectClose(spatialTransformer(x, { ...params, projectOut }, context, options), x, 0);
});

test("linear projections are the 1x1 convolutions with another kernel shape", () => {
  const params = createSpatialTransformer(randomInitializer(1), "transformer", shape);
  const flat = (leaf: Tensor) => (leaf.rank === 4 ? reshape(leaf, [4, 4]) : leaf);
  const [x, context] = inputs();
  expectClose(
    spatialTransformer(x, mapTree(params, flat) as unknown as SpatialTransformer, context, options),
    spatialTransformer(x, params, context, options),
    1e-6,
  );
});

test("each sample attends to its own context", () => {
  const params = createSpatialTransformer(randomInitializer(1), "transformer", shape);
  const [x, context] = inputs();
  const both = spatialTransformer(x, params, context, options);
  const second = spatialTransformer(
    slice(x, [1, 0, 0, 0], [1, 2, 3, 4]),
    params,
    slice(context, [1, 0, 0], [1, 5, 3]),
    options,
  );
  expectClose(slice(both, [1, 0, 0, 0], [1, 2, 3, 4]), second, 1e-5);
});

test("SD 1.5's transformer of 320 channels has its published number of parameters", () => {
  const sd15 = { channels: 320, contextChannels: 768, depth: 1, linearProjection: false };
  // 2 projections, 3 + 1 norms, 2 x 4 attention matrices and 2 output biases, GEGLU feed-forward.
  const expected =
    2 * (320 * 320 + 320) +
    4 * 2 * 320 +
    6 * 320 * 320 +
    2 * 768 * 320 +
    2 * 320 +
    (320 * 2560 + 2560) +
    (1280 * 320 + 320);
  expect(countParameters(createSpatialTransformer(shapeInitializer, "t", sd15))).toBe(expected);
});

test("a spatial transformer has the right gradients in its input, context and every parameter", () => {
  const params = createSpatialTransformer(randomInitializer(1), "transformer", { ...shape, depth: 1 });
  expectGradients(
    (x, context, ...leaves) =>
      spatialTransformer(x as Tensor4D, treeLike(params, leaves), context as Tensor3D, options),
    [...inputs(), ...leavesOf(params).map((leaf) => leaf.value)],
    { tolerance: 1e-2 },
  );
});
