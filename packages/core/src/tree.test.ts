import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, ones, scalar, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { LeafShape } from "./initializer.js";
import { cloneTree, countParameters, disposeTree, leavesOf, mapTree, treeLike, zipTrees } from "./tree.js";

beforeAll(useCpuBackend);

const tree = () => ({
  down: [{ kernel: tensor1d([1, 2]), bias: scalar(3) }, { kernel: tensor1d([4]) }],
  middle: undefined as Tensor | undefined,
  out: scalar(5),
});
const paths = ["down.0.kernel", "down.0.bias", "down.1.kernel", "out"];

describe("trees", () => {
  test("leavesOf names every leaf in the order of definition and passes over absent ones", () => {
    expect(leavesOf(tree()).map((leaf) => leaf.path)).toEqual(paths);
    expect(leavesOf(scalar(1)).map((leaf) => leaf.path)).toEqual([""]);
  });

  test("plain values stand in a tree as they are", () => {
    const model = {
      params: { scale: scalar(2) },
      config: { heads: [1, 2], kind: "silu", bias: true, none: null },
    };
    expect(leavesOf(model).map(({ path }) => path)).toEqual(["params.scale"]);
    const copy = cloneTree(model);
    expect(copy.config).toEqual(model.config);
    disposeTree(copy);
    expect(model.params.scale.isDisposed).toBe(false);
    disposeTree(model);
  });

  test("mapTree keeps the nesting and tells each path", () => {
    const seen: string[] = [];
    const shapes = mapTree(tree(), (leaf, path) => {
      seen.push(path);
      return leaf.shape;
    });
    expect(seen).toEqual(paths);
    expect(shapes).toEqual({
      down: [{ kernel: [2], bias: [] }, { kernel: [1] }],
      middle: undefined,
      out: [],
    });
  });

  test("zipTrees joins leaves of the same place, whatever the order of keys", () => {
    const a = { x: scalar(1), y: scalar(2) };
    const b = { y: scalar(20), x: scalar(10) };
    const sum = zipTrees(a, b, (p, q) => add(p, q));
    expectClose(sum.x, [11]);
    expectClose(sum.y, [22]);
  });

  test("zipTrees names the leaf that one tree lacks", () => {
    const a = { x: scalar(1), y: [scalar(2)] };
    const b = { x: scalar(1), y: [scalar(2), scalar(3)] };
    expect(() => zipTrees(a, b as never, (p) => p)).toThrow('zipTrees: the first tree has no leaf at "y.1"');
    expect(() => zipTrees(b as never, a, (p) => p)).toThrow('zipTrees: the second tree has no leaf at "y.1"');
  });

  test("treeLike puts leaves back in order and counts them", () => {
    const original = tree();
    const values = leavesOf(original).map((leaf) => leaf.value);
    expect(leavesOf(treeLike(original, values))).toEqual(leavesOf(original));
    expect(() => treeLike(original, values.slice(1))).toThrow("treeLike: expected 4 leaves, got 3");
  });

  test("a clone outlives its original", () => {
    const original = tree();
    const copy = cloneTree(original);
    disposeTree(original);
    expectClose(copy.down[0]!.kernel, [1, 2]);
    disposeTree(copy);
  });

  test("cloning and disposing leaks nothing", () =>
    expectNoTensorLeak(() => {
      const original = tree();
      disposeTree(cloneTree(original));
      disposeTree(original);
    }));

  test("countParameters counts scalars of tensors and of shapes", () => {
    expect(countParameters(tree())).toBe(5);
    expect(countParameters({ a: new LeafShape([3, 3, 4, 8]), b: [ones([2, 2])] })).toBe(292);
  });
});
