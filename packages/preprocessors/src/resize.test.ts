import { expect, test } from "vitest";
import { resize } from "./resize.js";
import type { Interpolation } from "./resize-taps.js";
import { readImages } from "./testing/read-fixture.js";

const pictures = readImages("pictures.bin.gz");
const expected = readImages("resize.bin.gz");

test.each(["nearest", "bilinear", "cubic", "lanczos4", "area"])(
  "resize equals cv2.resize, cubic within 1 level: %s",
  (method) => {
    let values = 0;
    let unequal = 0;
    for (const [key, reference] of Object.entries(expected)) {
      const [name, width, height, own] = key.split(" ");
      if (own !== method) continue;
      const result = resize(pictures[name!]!, Number(width), Number(height), method as Interpolation);
      let worst = 0;
      for (let i = 0; i < reference.data.length; i++) {
        const difference = Math.abs(result.data[i]! - reference.data[i]!);
        if (difference > 0) unequal++;
        worst = Math.max(worst, difference);
      }
      values += reference.data.length;
      expect(`${key}: ${worst <= (method === "cubic" ? 1 : 0)}`).toBe(`${key}: true`);
    }
    expect(values).toBeGreaterThan(50_000);
    expect(unequal / values).toBeLessThan(0.05);
  },
);

test("resize refuses sizes that are no sizes", () => {
  expect(() => resize(pictures.noise!, 0, 5, "area")).toThrow(/whole pixels, got 0x5/);
  expect(() => resize(pictures.noise!, 2.5, 5, "area")).toThrow(/whole pixels/);
  expect(() => resize(pictures.noise!, 1e6, 1e6, "area")).toThrow(/over the limit/);
});
