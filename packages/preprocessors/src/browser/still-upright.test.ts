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
  const long = Buffer.from("4d4d002a0000000800010112000400000001000000060000", "hex");
  expect(exifOrientation(long)).toEqual({ value: 6, at: 20, isLittle: false });
  for (let length = 0; length < 20; length++)
    expect(exifOrientation(little.subarray(0, length))).toBeUndefined();
  const endless = Buffer.from(little);
  endless.writeUInt32LE(0xffffffff, 4);
  expect(exifOrientation(endless)).toBeUndefined();
  little.writeUInt16LE(9, 18);
  expect(exifOrientation(little)).toBeUndefined();
});

/** A chunk of a PNG; nobody here looks at its checksum. */
function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
  bytes.writeUInt32BE(data.length);
  return bytes;
}

test("of a PNG's orientations the first before the pixels counts, and none of them stays", () => {
  const exif = (orientation: number) =>
    Buffer.from(`4d4d002a0000000800010112000300000001000${orientation}00000000`, "hex");
  const file = (...orientations: number[]) => {
    const chunks = orientations.map((o) => (o === 0 ? chunk("IDAT", Buffer.of(7)) : chunk("eXIf", exif(o))));
    return new Uint8Array(Buffer.concat([Buffer.alloc(8), ...chunks, chunk("IEND", Buffer.alloc(0))]));
  };
  for (const [orientations, wanted] of [
    [[6, 3, 0], 6],
    [[0, 6], 1],
    [[8, 0, 6], 8],
    [[0], 1],
  ] as const) {
    const { parts, orientation } = stillFile(file(...orientations), "png");
    expect({ orientations, orientation }).toEqual({ orientations, orientation: wanted });
    expect(Buffer.concat(parts)).toEqual(Buffer.from(file(0)));
  }
});

test("a WebP's EXIF block may have a name before it, and counts where the header says that there is one", async () => {
  const file = await encoder().webp({ lossless: true }).withMetadata({ orientation: 5 }).toBuffer();
  const before = file.subarray(0, file.indexOf("EXIF"));
  const withBlock = (block: Buffer) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    return new Uint8Array(Buffer.concat([before, Buffer.from("EXIF"), size, block]));
  };
  const block = Buffer.from("4d4d002a0000000800010112000300000001000700000000", "hex");
  for (const blocks of [[block], [Buffer.from("Exif\0\0"), block]])
    expect(stillFile(withBlock(Buffer.concat(blocks)), "webp").orientation).toBe(7);
  const unsaid = withBlock(block);
  unsaid[20]! &= ~0x08;
  expect(stillFile(unsaid, "webp").orientation).toBe(1);
});
