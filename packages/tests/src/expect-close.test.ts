import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import { tensor1d } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { expect, test } from "vitest";

test.each([0, 1, 2])("NaN at place %i is a difference, whatever follows it", (place) => {
  const actual = [1, 2, 3];
  actual[place] = Number.NaN;
  expect(() => expectClose(actual, [1, 2, 3])).toThrow(`element ${place}: got NaN`);
  expect(() => expectClose([1, 2, 3], actual)).toThrow(`element ${place}: got ${place + 1}, expected NaN`);
});

test("what is close passes, and the furthest element is named where not", () => {
  expectClose(tensor1d([1, 2, 3]), [1, 2.00001, 3], 1e-5);
  expect(() => expectClose([1, 2.1, 3.2], [1, 2, 3])).toThrow("element 2: got 3.2, expected 3");
});
