import { createRequire } from "node:module";
import { dirname } from "node:path";
import "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-cpu";
import { completeWasmKernels } from "@controlnet-js/core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { env, getKernel, matMul, memory, setBackend, tidy, zeros } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { coreCases, tfjsCases } from "./testing/engine-cases.js";
import { expectSameOn } from "./testing/on-backends.js";

beforeAll(() => {
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(entry)}/`);
  completeWasmKernels();
});

describe("wasm computes what plain JavaScript does, values and gradients", () => {
  test.each(coreCases)("$name", (engineCase) => expectSameOn("wasm", engineCase));
  test.each(tfjsCases)("$name", (engineCase) => expectSameOn("wasm", engineCase));
});

test("completing twice changes nothing", () => {
  const before = getKernel("BatchMatMul", "wasm")!.kernelFunc;
  completeWasmKernels();
  expect(getKernel("BatchMatMul", "wasm")!.kernelFunc).toBe(before);
});

test("the completed kernels leak nothing", async () => {
  await setBackend("wasm");
  const before = memory().numTensors;
  tidy(() => {
    matMul(zeros([4, 64, 64]), zeros([4, 64, 64]), true, true);
  });
  expect(memory().numTensors).toBe(before);
});

test("Node runs the SIMD build", async () => {
  expect(await env().getAsync("WASM_HAS_SIMD_SUPPORT")).toBe(true);
});
