import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { memoryReport } from "./memory.js";
import { registerTensorFlow } from "./register-tensorflow.js";
import { storedBytes, storedTensor } from "./stored-tensor.js";

beforeAll(async () => {
  await registerTensorFlow();
});

test("half-precision weights go in and out", () => {
  const x = tf.tensor1d([0, 1, -2.5, 0.333251953125]);
  for (const dtype of ["float16", "bfloat16", "float64", "float32"] as const) {
    const bytes = storedBytes(x, dtype);
    const back = storedTensor(bytes, [4], dtype);
    expectClose(back, x, dtype === "bfloat16" ? 1e-2 : 1e-7);
    expect(back.dtype).toBe("float32");
  }
  expectClose(storedTensor(new Uint8Array(Int8Array.of(-3, 4).buffer), [2], "int8"), [-3, 4]);
  expect(() => storedTensor(new Uint8Array(3), [2], "float16")).toThrow(/4 bytes, got 3/);
  expect(() => storedTensor(new Uint8Array(3), [3], "string")).toThrow(/string/);
});

test("a byte range of a file becomes a tensor", () => {
  const folder = mkdtempSync(join(tmpdir(), "stored-"));
  const path = join(folder, "weights");
  writeFileSync(
    path,
    Buffer.concat([Buffer.from("header"), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)]),
  );
  expectClose(storedTensor({ path, byteOffset: 10 }, [3], "float32"), [2, 3, 4]);
  expect(() => storedTensor({ path, byteOffset: 14 }, [3], "float32")).toThrow(/ends inside/);
  expect(() => storedTensor({ path: `${path}x`, byteOffset: 0 }, [1], "float32")).toThrow(/No such file/);
  rmSync(folder, { recursive: true });
});

test("memory is reported", () => {
  const report = memoryReport();
  expect(report.nativeTensors).toBeGreaterThan(0);
  expect(report.peakResidentBytes).toBeGreaterThanOrEqual(report.residentBytes);
});
