import { describe, expect, test } from "vitest";
import { assertShape, ControlNetError, isControlNetError, nearestName, unknownName } from "./errors.js";

describe("ControlNetError", () => {
  test("carries its code and its cause", () => {
    const cause = new Error("disk full");
    const error = new ControlNetError("io", "save: disk full", { cause });
    expect(error).toMatchObject({ name: "ControlNetError", code: "io", message: "save: disk full", cause });
    expect(error).toBeInstanceOf(Error);
  });

  test("is recognised across copies of the package, and nothing else is", () => {
    const otherCopy = Object.assign(new Error(""), { [Symbol.for("controlnet-js.error")]: true });
    expect(isControlNetError(new ControlNetError("shape", ""))).toBe(true);
    expect(isControlNetError(otherCopy)).toBe(true);
    for (const other of [new Error(""), null, undefined, "shape", 3])
      expect(isControlNetError(other)).toBe(false);
  });
});

test("assertShape says what was expected and what came", () => {
  expect(() => assertShape("hint", [2, 64, 64, 3], [null, 64, 64, 3])).not.toThrow();
  expect(() => assertShape("hint", [2, 64, 64, 1], [null, 64, 64, 3])).toThrow(
    "hint: expected shape [any, 64, 64, 3], got [2, 64, 64, 1]",
  );
  expect(() => assertShape("hint", [64, 64, 3], [null, 64, 64, 3])).toThrow("got [64, 64, 3]");
});

test("nearestName finds what was meant, and nothing where nothing is near", () => {
  const known = ["learningRate", "batchSize", "steps"];
  expect(nearestName("learningrate", known)).toBe("learningRate");
  expect(nearestName("batch-size", known)).toBe("batchSize");
  expect(nearestName("stpes", known)).toBe("steps");
  expect(nearestName("zzzzzzzz", known)).toBeUndefined();
});

test("unknownName says what was given, what may be meant and what is known", () => {
  expect(unknownName("hihg", ["low", "high"])).toBe('"hihg", did you mean "high"? (known: low, high)');
  expect(unknownName("zzzzzzzz", ["low", "high"])).toBe('"zzzzzzzz" (known: low, high)');
  expect(unknownName(7, ["low"])).toBe("7 (known: low)");
  expect(unknownName("a", [])).toBe('"a" (known: none)');
  expect(unknownName("Euler a", ["euler", "euler-ancestral"], ["euler-a"])).toBe(
    '"Euler a", did you mean "euler-a"? (known: euler, euler-ancestral)',
  );
});
