import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import {
  add,
  cast,
  customGrad,
  dispose,
  grads,
  matMul,
  memory,
  mul,
  square,
  sum,
  type Tensor,
  type Tensor2D,
  tanh,
  tensor1d,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { jit } from "./jit.js";
import { rematerialize } from "./rematerialize.js";
import { randomTensor } from "./testing/random-tensor.js";

beforeAll(useCpuBackend);

interface Layer {
  x: Tensor2D;
  kernel: Tensor2D;
}

const layer = ({ x, kernel }: Layer): Tensor2D => {
  let h: Tensor2D = x;
  for (let i = 0; i < 4; i++) h = tanh(matMul(h, kernel)) as Tensor2D;
  return h;
};

const inputs = (): [Tensor2D, Tensor2D] => [randomTensor([16, 8]), randomTensor([8, 8], 1)];

/** Four layers in a row, each run by `run`. */
const chain =
  (run: (layer_: (inputs: Layer) => Tensor2D, inputs: Layer) => Tensor2D) => (x: Tensor, kernel: Tensor) => {
    let h = x as Tensor2D;
    for (let i = 0; i < 4; i++) h = run(layer, { x: h, kernel: kernel as Tensor2D });
    return sum(square(h));
  };

const plain = chain((f, x) => f(x));
const checkpointed = chain(rematerialize);

describe("rematerialize", () => {
  test("changes neither values nor gradients", () => {
    const [x, kernel] = inputs();
    expectClose(checkpointed(x, kernel), plain(x, kernel), 0);
    const expected = grads(plain)([x, kernel]);
    grads(checkpointed)([x, kernel]).forEach((gradient, i) => {
      expectClose(gradient, expected[i]!, 1e-6);
    });
  });

  test("works inside itself", () => {
    const [x, kernel] = inputs();
    const nested = (a: Tensor, b: Tensor) => rematerialize(({ p, q }) => checkpointed(p, q), { p: a, q: b });
    const expected = grads(plain)([x, kernel]);
    grads(nested)([x, kernel]).forEach((gradient, i) => {
      expectClose(gradient, expected[i]!, 1e-6);
    });
  });

  test("works inside jit", () => {
    const step = jit((x: Tensor, kernel: Tensor) => grads(checkpointed)([x, kernel]));
    const expected = grads(plain)(inputs());
    step(...inputs()).forEach((gradient: Tensor, i: number) => {
      expectClose(gradient, expected[i]!, 1e-6);
    });
  });

  test("takes and returns trees, with an input passed through and an output left unused", () => {
    const [x, kernel] = inputs();
    const f = (a: Tensor, b: Tensor) => {
      const { same, parts } = rematerialize(
        ({ p, q }) => ({ same: p, parts: [tanh(matMul(p as Tensor2D, q as Tensor2D)), square(q)] }),
        { p: a, q: b },
      );
      return add(sum(mul(same, 3)), sum(parts[0]!));
    };
    const g = (a: Tensor, b: Tensor) => add(sum(mul(a, 3)), sum(tanh(matMul(a as Tensor2D, b as Tensor2D))));
    expectClose(f(x, kernel), g(x, kernel));
    const expected = grads(g)([x, kernel]);
    grads(f)([x, kernel]).forEach((gradient, i) => {
      expectClose(gradient, expected[i]!);
    });
  });

  test("gives gradients to its inputs only: not to tensors from elsewhere, not to integers", () => {
    const [x, kernel] = inputs();
    const f = (a: Tensor, b: Tensor) =>
      sum(
        rematerialize(({ p, i }) => matMul(mul(p, cast(i, "float32")) as Tensor2D, b as Tensor2D), {
          p: a,
          i: tensor1d([1, 2, 3, 4, 5, 6, 7, 8], "int32"),
        }),
      );
    const [dx] = grads((a: Tensor) => f(a, kernel))([x]);
    const [expected] = grads((a: Tensor) =>
      sum(matMul(mul(a, tensor1d([1, 2, 3, 4, 5, 6, 7, 8])) as Tensor2D, kernel)),
    )([x]);
    expectClose(dx!, expected!);
    expect(() => grads((b: Tensor) => f(x, b))([kernel])).toThrow("Cannot compute gradient");
  });

  test("keeps fewer bytes alive until the backward pass", () => {
    const bytesBetween = (f: (x: Tensor, kernel: Tensor) => Tensor) => {
      let bytes = 0;
      const probe = customGrad((x) => ({
        value: mul(x as Tensor, 1),
        gradFunc: (upstream) => {
          bytes = memory().numBytes;
          return mul(upstream, 1);
        },
      }));
      const given = inputs();
      const before = memory().numBytes;
      dispose(grads((x: Tensor, kernel: Tensor) => probe(f(x, kernel)))(given));
      return bytes - before;
    };
    // The 4 layers' inputs and the result, against the result of each of 16 products and of 16 tanh.
    expect(bytesBetween(checkpointed)).toBeLessThan(0.4 * bytesBetween(plain));
  });

  test("leaks nothing", async () => {
    const [x, kernel] = inputs();
    await expectNoTensorLeak(() => {
      dispose(grads(checkpointed)([x, kernel]));
      rematerialize(layer, { x, kernel }).dispose();
    });
  });
});
