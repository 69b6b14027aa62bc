import { defineCondition, type Image } from "@controlnet-js/core";
import { expect, test } from "vitest";
import * as z from "zod";
import { overWhite } from "../alpha.js";
import { canny } from "../canny.js";
import { toGrey, toRgb } from "../image.js";
import { readImages } from "../testing/read-fixture.js";
import { stack } from "./stack.js";
import { colourGrid } from "./tile.js";

const photograph = readImages("pictures.bin.gz").astronaut!;
const withAlpha = ({ data, width, height }: Image): Image => ({
  data: Uint8Array.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? (i >> 4) % 256 : data[(i >> 2) * 3 + (i % 4)]!,
  ),
  width,
  height,
  channels: 4,
});
/** Some channels of a map. */
const part = ({ data, channels }: Image, from: number, to: number) =>
  data.filter((_, i) => i % channels >= from && i % channels < to);

const edgesAndColours = defineCondition({
  name: "edges-and-colours",
  channels: 6,
  options: z.object({ block: z.number().default(16) }),
  prepare: (image, { block }) => stack([canny(image), colourGrid(image, block)]),
});

test.each([
  ["colour", photograph, photograph],
  ["grey", toGrey(photograph), toGrey(photograph)],
  ["transparent", withAlpha(photograph), overWhite(withAlpha(photograph))],
])("a condition of two maps has the channels of both: a %s picture", async (_, picture, seen) => {
  const map = await edgesAndColours.detect(picture, { block: 8 });
  expect(map).toMatchObject({ width: 128, height: 128, channels: 6 });
  expect(part(map, 0, 3)).toEqual(toRgb(canny(seen)).data);
  expect(part(map, 3, 6)).toEqual(colourGrid(toRgb(seen), 8).data);
});

test("maps lie in the order of the list, grey ones three channels wide; a stack can be stacked", () => {
  const grey: Image = { data: Uint8Array.of(1, 2), width: 2, height: 1, channels: 1 };
  const colour: Image = { data: Uint8Array.of(3, 4, 5, 6, 7, 8), width: 2, height: 1, channels: 3 };
  const two = stack([grey, colour]);
  expect(two).toEqual({
    data: Uint8Array.of(1, 1, 1, 3, 4, 5, 2, 2, 2, 6, 7, 8),
    width: 2,
    height: 1,
    channels: 6,
  });
  expect(stack([colour, two]).channels).toBe(9);
  expect([...part(stack([colour, two]), 3, 9)]).toEqual([...two.data]);
  expect(stack([colour])).toEqual(colour);
});

test("what doesn't fit together is refused", () => {
  const small = { data: new Uint8Array(64 * 64), width: 64, height: 64, channels: 1 };
  const calls: [() => unknown, RegExp][] = [
    [() => stack([]), /stack: expected at least one map/],
    [() => stack([photograph, small]), /stack: map 2: expected 128x128, .* got 64x64/],
    [() => stack([withAlpha(photograph)]), /stack: map 1: expected 1 channel .*, got 4; overWhite\(map\)/],
    [() => stack([{ ...small, channels: 2, width: 32 }]), /got 2$/],
    [() => stack([{ ...small, data: Float32Array.from(small.data) as never }]), /got Float32Array/],
  ];
  for (const [call, message] of calls) {
    expect(call).toThrow(message);
    expect(() => call()).toThrow(expect.objectContaining({ code: "shape" }));
  }
});
