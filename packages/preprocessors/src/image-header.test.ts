import { isControlNetError } from "@controlnet-js/core";
import sharp, { type Sharp } from "sharp";
import { expect, test } from "vitest";
import { isWholeFile } from "./browser/is-whole-file.js";
import { type ImageHeader, readImageHeader } from "./image-header.js";

const flat = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "#336699" } });
const encoders: [string, (image: Sharp) => Sharp][] = [
  ["png", (image) => image.png()],
  ["jpeg", (image) => image.jpeg()],
  [
    "jpeg, progressive, with EXIF",
    (image) => image.jpeg({ progressive: true }).withExif({ IFD0: { Artist: "a" } }),
  ],
  ["webp", (image) => image.webp({ quality: 50 })],
  ["webp, lossless", (image) => image.webp({ lossless: true })],
  ["webp, extended", (image) => image.webp().withExif({ IFD0: { Artist: "a" } })],
];

test.each(encoders)("the size is read without decoding: %s", async (name, encode) => {
  const format = name.split(",")[0] as ImageHeader["format"];
  for (const [width, height] of [
    [1, 1],
    [300, 7],
    [2, 1031],
  ] as const) {
    const bytes = await encode(flat(width, height)).toBuffer();
    expect(readImageHeader(bytes)).toEqual({ format, width, height, bits: 8, isCmyk: false });
  }
});

test("deep, small and ink-coloured files are told apart", async () => {
  const deep = await flat(3, 2).toColourspace("rgb16").png().toBuffer();
  expect(readImageHeader(deep)).toMatchObject({ format: "png", bits: 16 });
  const two = await flat(3, 2).png({ palette: true, colours: 2 }).toBuffer();
  expect(readImageHeader(two)).toMatchObject({ format: "png", bits: 1 });
  const grey = await flat(3, 2).toColourspace("b-w").jpeg().toBuffer();
  expect(readImageHeader(grey)).toMatchObject({ format: "jpeg", bits: 8, isCmyk: false });
  const inks = await flat(3, 2).toColourspace("cmyk").jpeg().toBuffer();
  expect(readImageHeader(inks)).toMatchObject({ format: "jpeg", bits: 8, isCmyk: true });
});

test.each(encoders)("a cut file is refused or known to be cut, wherever it is cut: %s", async (_, encode) => {
  const whole = await encode(flat(40, 30)).toBuffer();
  const { format } = readImageHeader(whole);
  expect(isWholeFile(whole, format)).toBe(true);
  expect(isWholeFile(Buffer.concat([whole, Buffer.from("appended")]), format)).toBe(true);
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    const isNoticed = (() => {
      try {
        readImageHeader(cut);
        return !isWholeFile(cut, format);
      } catch (error) {
        return isControlNetError(error) && error.code === "data";
      }
    })();
    expect({ length, isNoticed }).toEqual({ length, isNoticed: true });
  }
});

test("the preview inside a cut JPEG is not taken for the picture's end", async () => {
  const preview = await flat(8, 8).jpeg().toBuffer();
  const segment = Buffer.concat([Buffer.of(0xff, 0xe1, 0, 0), preview]);
  segment.writeUInt16BE(preview.length + 2, 2);
  const picture = await flat(64, 64).jpeg().toBuffer();
  const whole = Buffer.concat([picture.subarray(0, 2), segment, picture.subarray(2)]);
  expect(readImageHeader(whole)).toMatchObject({ format: "jpeg", width: 64, height: 64 });
  expect(isWholeFile(whole, "jpeg")).toBe(true);
  expect(isWholeFile(whole.subarray(0, whole.length - 2), "jpeg")).toBe(false);
});

test("other formats, sizes of zero and endless headers are refused", async () => {
  const gif = await flat(2, 2).gif().toBuffer();
  for (const bytes of [gif, Buffer.from("no picture"), Buffer.alloc(0), Buffer.from("RIFF\0\0\0\0WAVE")])
    expect(() => readImageHeader(bytes)).toThrow(/expected a PNG, JPEG or WebP file/);
  const png = await flat(2, 2).png().toBuffer();
  png.writeUInt32BE(0, 16);
  expect(() => readImageHeader(png)).toThrow(/a png of at least 1x1, got 0x2/);
  png.write("CgBI", 12, "latin1");
  expect(() => readImageHeader(png)).toThrow(/does not begin with its header/);
  const jpeg = Buffer.concat([Buffer.of(0xff, 0xd8), Buffer.alloc(1e6, Buffer.of(0xff, 0xe0, 0, 0))]);
  expect(() => readImageHeader(jpeg)).toThrow(/JPEG file (ends inside its header|has no frame header)/);
  expect(() => readImageHeader(Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(1e6, 0xff)]))).toThrow(
    /ends inside/,
  );
  expect(() => readImageHeader(Buffer.from("RIFF\0\0\0\0WEBPnone"))).toThrow(/no picture/);
});
