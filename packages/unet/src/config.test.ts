import { expect, test } from "vitest";
import { unetConfig, unetConfigFromDiffusers, unetConfigToDiffusers } from "./index.js";

test("levels that are alike are told by one number, in whichever way they were given", () => {
  const alike = unetConfig({ blocksPerLevel: [1, 1, 1, 1], depth: [3, 3, 3, 3] });
  expect(alike).toEqual(unetConfig({ blocksPerLevel: 1, depth: 3 }));
  const json = { ...unetConfigToDiffusers(alike), layers_per_block: [1, 1, 1, 1] };
  expect(unetConfigFromDiffusers(json)).toEqual(alike);
  expect(unetConfig({ blocksPerLevel: [1, 2, 1, 1] }).blocksPerLevel).toEqual([1, 2, 1, 1]);
});

test("a list for another number of levels is refused, alike or not", () => {
  expect(() => unetConfig({ blocksPerLevel: [2, 2] })).toThrow(
    "expected blocksPerLevel for each of 4 levels, got 2: 2, 2",
  );
});
