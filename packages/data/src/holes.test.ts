import { describe, expect, test } from "vitest";
import { collate } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { drawHole, withHoles } from "./holes.js";

const share = ({ data }: { data: ArrayLike<number> }) =>
  Array.from(data).filter((value) => value > 0).length / data.length;

describe("drawHole", () => {
  test("covers a part of every picture, another one for each, and the same one again", () => {
    const holes = Array.from({ length: 200 }, (_, index) =>
      drawHole({ width: 64, height: 48 }, { seed: 3, index }),
    );
    for (const hole of holes) {
      expect(hole).toMatchObject({ width: 64, height: 48, channels: 1 });
      expect(new Set(hole.data)).toEqual(new Set([0, 255]));
      expect(share(hole)).toBeLessThan(0.75);
    }
    expect(new Set(holes.map(({ data }) => data.join()))).toHaveProperty("size", 200);
    const mean = holes.reduce((sum, hole) => sum + share(hole), 0) / holes.length;
    expect(mean).toBeGreaterThan(0.08);
    expect(mean).toBeLessThan(0.4);
    expect(drawHole({ width: 64, height: 48 }, { seed: 3, index: 7 })).toEqual(holes[7]);
  });

  test("leaves something of the smallest picture", () => {
    for (let index = 0; index < 50; index++) {
      const { data } = drawHole({ width: 8, height: 8 }, { seed: 1, index });
      expect(data.includes(0) && data.includes(255)).toBe(true);
    }
  });
});

test("a collated map is -1 in the hole, in all channels, and the picture elsewhere", async () => {
  const picture = { data: new Uint8Array(16 * 8 * 3).fill(51), width: 16, height: 8, channels: 3 };
  const plain: Dataset = {
    size: 2,
    describe: () => "two",
    load: async (index) => ({ index, name: `${index}`, image: picture, map: picture, caption: "" }),
  };
  const holed = withHoles(plain, { seed: 5 });
  expect(holed.identity).toBe("two, holes of seed 5");
  const samples = [await holed.load(0), await holed.load(1)];
  expect(samples.map(({ image }) => image)).toEqual([picture, picture]);
  const { maps, images } = collate(samples);
  samples.forEach(({ hole, map }, i) => {
    hole!.data.forEach((inside, j) => {
      const at = (i * 128 + j) * 3;
      expect([...maps.subarray(at, at + 3)]).toEqual(inside ? [-1, -1, -1] : Array(3).fill(Math.fround(0.2)));
      expect(map.data[j * 3]).toBe(inside ? 0 : 51);
    });
  });
  expect(Math.min(...images)).toBe(Math.max(...images));
});
