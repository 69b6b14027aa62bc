import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getBackend, matMul, ones, tidy } from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { engineNames, selectEngine } from "./index.js";

const empty = mkdtempSync(join(tmpdir(), "no-tensorflow-"));

// A machine without libtensorflow.
beforeEach(() => vi.stubEnv("CONTROLNET_LIBTENSORFLOW", empty));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(empty, { recursive: true, force: true });
});

const sumOfProduct = () => tidy(() => matMul(ones([2, 3]), ones([3, 2])).dataSync()[0]);

test("auto takes WebAssembly where TensorFlow is not there, and says why; a named engine fails", async () => {
  const { backend, device, reasons } = await selectEngine({ engine: "auto" });
  expect([backend, device, getBackend()]).toEqual(["wasm", "cpu", "wasm"]);
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toContain("lacks libtensorflow_cc.so.2");
  expect(sumOfProduct()).toBe(3);
  await expect(selectEngine({ engine: "tensorflow" })).rejects.toMatchObject({ code: "missing" });
  expect(getBackend()).toBe("wasm");
});

test("plain JavaScript is there for tests, and unknown names come with the nearest known one", async () => {
  expect((await selectEngine({ engine: "cpu" })).backend).toBe("cpu");
  expect(sumOfProduct()).toBe(3);
  await expect(selectEngine({ engine: "webasm" })).rejects.toThrow(
    `selectEngine: unknown engine "webasm", did you mean "wasm"? (known: ${engineNames.join(", ")})`,
  );
});
