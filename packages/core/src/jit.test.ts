import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, mul, scalar, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { type JitEngine, jit, registerJitEngine } from "./jit.js";
import { disposeTree } from "./tree.js";

beforeAll(useCpuBackend);

interface State {
  value: Tensor;
  step: Tensor;
}
const advance = (state: State, by: Tensor): State => ({
  value: mul(add(state.value, by), 2),
  step: add(state.step, 1),
});
const start = (): State => ({ value: scalar(1), step: scalar(0) });

describe("jit where the engine compiles nothing", () => {
  test("runs the function as it is, trees in and trees out", () => {
    const next = jit(advance)(start(), scalar(2));
    expectClose(next.value, [6]);
    expectClose(next.step, [1]);
  });

  test("frees intermediate results, and donated arguments that are not returned", async () => {
    await expectNoTensorLeak(() => {
      const by = scalar(2);
      const step = jit(advance, { donate: [0] });
      const first = start();
      const second = step(first, by);
      expect(first.value.isDisposed && first.step.isDisposed).toBe(true);
      const third = step(second, by);
      expectClose(third.value, [16]);
      disposeTree(third);
      by.dispose();
    });
  });

  test("keeps a donated leaf that is returned", () => {
    const x = scalar(3);
    const [same] = jit((pair: [Tensor, Tensor]) => [pair[0]], { donate: [0] })([x, scalar(4)]);
    expectClose(same!, [3]);
  });

  test("leaks nothing when the function throws", () =>
    expectNoTensorLeak(() => {
      const x = scalar(1);
      const failing = jit((y: Tensor): Tensor => {
        add(y, 1);
        throw new Error("no");
      });
      expect(() => failing(x)).toThrow("no");
      x.dispose();
    }));
});

describe("jit where an engine compiles", () => {
  const compiled: string[] = [];
  const recording: JitEngine = {
    jit(fn, options) {
      compiled.push(options.name ?? "");
      return Object.assign(fn.bind(undefined) as typeof fn, {
        dispose: () => void compiled.push(`${options.name} disposed`),
      });
    },
  };
  beforeAll(() => registerJitEngine("cpu", recording));

  test("asks the engine once, at the first call, and frees what it made", () => {
    const f = jit((x: Tensor) => add(x, 1), { name: "increment" });
    expect(compiled).toEqual([]);
    expectClose(f(f(scalar(1))), [3]);
    expect(compiled).toEqual(["increment"]);
    f.dispose();
    expect(compiled).toEqual(["increment", "increment disposed"]);
  });
});
