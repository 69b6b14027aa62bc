import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { engineMemory } from "./engine-memory.js";

afterEach(() => void vi.restoreAllMocks());

test("an engine has the machine's memory, or its container's, WebAssembly 4 GiB at most, a GPU its own", () => {
  const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(0);
  expect(engineMemory({ backend: "tensorflow", device: "cpu" })).toBe(totalmem());
  limit.mockReturnValue(2 ** 64);
  expect(engineMemory({ backend: "cpu", device: "cpu" })).toBe(totalmem());
  expect(engineMemory({ backend: "wasm", device: "cpu" })).toBe(Math.min(totalmem(), 2 ** 32));
  limit.mockReturnValue(2 ** 29);
  expect(engineMemory({ backend: "wasm", device: "cpu" })).toBe(2 ** 29);
  expect(engineMemory({ backend: "tensorflow", device: "gpu" })).toBe(Number.POSITIVE_INFINITY);
});
