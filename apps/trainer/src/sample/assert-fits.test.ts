import { autoencoderConfig } from "@controlnet-js/autoencoder";
import type { Pipeline } from "@controlnet-js/models";
import { unetConfig } from "@controlnet-js/unet";
import { expect, test } from "vitest";
import { assertFits, leastMemory } from "./assert-fits.js";

const model = {
  unet: { config: unetConfig() },
  autoencoder: { config: autoencoderConfig() },
} as Pipeline;
const square = (side: number) => ({ width: side, height: side, batch: 1 });

test("decoding decides for one picture: two feature maps of 256 channels at its size", () => {
  expect(leastMemory(model, square(1024))).toBe(2 * 256 * 1024 ** 2 * 4);
});

test("with tiles it is one tile and the picture, or the U-Net's finest level", () => {
  const small = { ...model, unet: { config: unetConfig({ channels: [32, 32, 32, 32] }) } } as Pipeline;
  expect(leastMemory(small, { ...square(1024), tiles: {} })).toBe(2 * 256 * 512 ** 2 * 4 + 3 * 1024 ** 2 * 4);
  const transformer = 2 * (3 + 12) * 320 * (4096 / 8) ** 2 * 4;
  expect(leastMemory(model, { ...square(4096), tiles: {} })).toBe(transformer);
  const three = { ...square(4096), tiles: {}, guidance: 1, batch: 3 };
  expect(leastMemory(model, three)).toBe((3 / 2) * transformer);
  const plain = unetConfig({ attention: [false, true, true, false] });
  const without = { ...model, unet: { config: plain } } as Pipeline;
  expect(leastMemory(without, { ...square(4096), tiles: {} })).toBe((3 / 15) * transformer);
});

test("a tile larger than the picture is the picture", () => {
  expect(leastMemory(model, { ...square(256), tiles: {} })).toBe(leastMemory(model, square(256)));
});

test("what can't fit is refused with the way out, what may fit is not", () => {
  expect(() => assertFits(model, 24e9, square(16_384))).toThrow(
    /16384x16384 needs at least 549\.8 GB of memory, there are 24\.0 GB; choose a smaller size$/,
  );
  expect(() => assertFits(model, 24e9, square(4096))).toThrow(
    /or --tiles, with which it needs at least 10\.1 GB/,
  );
  expect(() => assertFits(model, 24e9, { ...square(8192), tiles: {}, batch: 4 })).toThrow(
    /4 pictures at once, needs .*smaller size or batch$/,
  );
  const least = leastMemory(model, square(4096));
  expect(() => assertFits(model, least, square(4096))).not.toThrow();
});
