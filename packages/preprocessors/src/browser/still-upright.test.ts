import sharp from "sharp";
import { expect, test } from "vitest";
import type { ByteImage } from "../image.js";
import { exifOrientation } from "./exif-orientation.js";
import { stillFile, upright } from "./still-upright.js";

const picture: ByteImage = {
  data: Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37) % 256),
  width: 7,
  height: 5,
  channels: 3,
};
const encoder = () => sharp(picture.data, { raw: { width: 7, height: 5, channels: 3 } });
const decoded = async (file: Uint8Array) => {
  const { data, info } = await sharp(file).autoOrient().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 };
};

test.each(["png", "webp"] as const)(
  "a %s loses its orientation, and its pixels are turned by it",
  async (format) => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const options = format === "webp" ? { lossless: true } : {};
      const file = await encoder()[format](options).withMetadata({ orientation }).toBuffer();
      const wanted = await decoded(file);
      const still = stillFile(new Uint8Array(file), format);
      expect(still.orientation).toBe(orientation);
      const raw = await decoded(Buffer.concat(still.parts));
      expect(raw).toEqual(picture);
      expect(upright(raw, still.orientation)).toEqual(wanted);
    }
  },
);

test("an EXIF block is read in either order of bytes, and a broken one is none", () => {
  const little = Buffer.from("49492a000800000001001201030001000000060000000000", "hex");
  const big = Buffer.from("4d4d002a0000000800010112000300000001000600000000", "hex");
  expect(exifOrientation(little)).toEqual({ value: 6, at: 18, isLittle: true });
  expect(exifOrientation(big)).toEqual({ value: 6, at: 18, isLittle: false });
  expect(exifOrientation(Buffer.concat([Buffer.from("Exif\0\0"), big]))).toMatchObject({ value: 6, at: 24 });
  for (let length = 0; length < 20; length++)
    expect(exifOrientation(little.subarray(0, length))).toBeUndefined();
  const endless = Buffer.from(little);
  endless.writeUInt32LE(0xffffffff, 4);
  expect(exifOrientation(endless)).toBeUndefined();
  little.writeUInt16LE(9, 18);
  expect(exifOrientation(little)).toBeUndefined();
});
