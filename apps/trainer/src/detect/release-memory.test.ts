import { expect, test } from "vitest";
import { releaseMemory } from "./release-memory.js";

test("bytes of their own are given back, twice as well; parts of other bytes stay", () => {
  const canRelease = "transfer" in ArrayBuffer.prototype;
  const own = Uint8Array.of(1, 2, 3);
  releaseMemory(own);
  releaseMemory(own);
  expect(own.length).toBe(canRelease ? 0 : 3);
  const pool = Uint8Array.of(1, 2, 3);
  releaseMemory(pool.subarray(1));
  expect([...pool]).toEqual([1, 2, 3]);
});
