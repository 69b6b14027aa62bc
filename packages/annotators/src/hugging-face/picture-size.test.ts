import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sizedSides } from "./picture-size.js";
import { sceneProcessor } from "./scene-processors.js";

// Of tooling/reference/annotators/scenes.py: null where transformers refuses.
const rows: [
  config: Record<string, unknown>,
  width: number,
  height: number,
  sides: [width: number, height: number] | null,
][] = JSON.parse(readFileSync(new URL("../../fixtures/transformers/sizes.json", import.meta.url), "utf8"));

test("pictures become as wide and high as transformers makes them", () => {
  for (const [config, width, height, sides] of rows) {
    const { size } = sceneProcessor("test", config, "SegformerImageProcessor");
    const sized = () => Object.values(sizedSides("test", { width, height }, size!));
    if (sides) expect([config, width, height, sized()]).toEqual([config, width, height, sides]);
    else expect(sized).toThrow(/too narrow; the processor's size makes it/);
  }
});

test("a half is rounded to even, as Python does", () => {
  const half = { width: 7, height: 21, multiple: 14 };
  expect(sizedSides("test", { width: 100, height: 100 }, { ...half, width: 35 })).toEqual({
    width: 28,
    height: 28,
  });
});
