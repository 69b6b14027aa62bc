import type { Image } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { softOutlines } from "./soft-outlines.js";

const picture: Image = { data: new Uint8Array(4 * 3), width: 4, height: 1, channels: 3 };

test("the map is the network's, without what is weak", async () => {
  const outlines = softOutlines.withNetwork(() => ({
    data: Float32Array.of(0, 0.1, 0.5, 1),
    width: 4,
    height: 1,
    channels: 1,
  }));
  expect([...(await outlines.detect(picture)).data]).toEqual([0, 0, 127, 255]);
  expect([...(await outlines.detect(picture, { weakest: 0 })).data]).toEqual([0, 25, 127, 255]);
});

test("without it, the error says which file is needed", async () => {
  await expect(softOutlines.detect(picture)).rejects.toThrow(/needs a network \(HED, ControlNetHED\.pth\)/);
});
