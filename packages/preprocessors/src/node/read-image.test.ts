import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { pngWithProfile } from "../colour/file-profile.js";
import { makeProfile } from "../colour/icc-profile.js";
import { readImage, readImageSize } from "./read-image.js";
import { writeImage } from "./write-image.js";

const folder = mkdtempSync(join(tmpdir(), "read-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, bytes: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

const crcOf = (body: Buffer) => {
  let value = 0xffffffff;
  for (const byte of body) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
};
const chunk = (type: string, data: Buffer) => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(crcOf(body), body.length + 4);
  return whole;
};

/** A PNG of any header; `rows` begin with their filter byte. */
function pngOf(
  width: number,
  height: number,
  depth: number,
  colour: number,
  rows: Buffer,
  more: Buffer = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colour;
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    more,
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

test("grey, 16-bit and transparent pictures become RGB bytes as the field reads them", async () => {
  const grey = save("grey.png", pngOf(2, 1, 8, 0, Buffer.from([0, 7, 200])));
  expect(await readImage(grey)).toEqual({
    data: Uint8Array.of(7, 7, 7, 200, 200, 200),
    width: 2,
    height: 1,
    channels: 3,
  });
  const deep = save("deep.png", pngOf(1, 1, 16, 2, Buffer.from([0, 0x12, 0xff, 0x80, 0xfe, 0xff, 0x01])));
  expect([...(await readImage(deep)).data]).toEqual([0x12, 0x80, 0xff]);
  const deepGrey = save("deep-grey.png", pngOf(1, 1, 16, 0, Buffer.from([0, 0x41, 0xff])));
  expect([...(await readImage(deepGrey)).data]).toEqual([0x41, 0x41, 0x41]);

  const clear = save("clear.png", pngOf(2, 1, 8, 6, Buffer.from([0, 10, 20, 30, 0, 10, 20, 30, 255])));
  expect([...(await readImage(clear)).data]).toEqual([255, 255, 255, 10, 20, 30]);
  expect((await readImage(clear, { alpha: true })).data[3]).toBe(0);
  const greyAlpha = save("grey-alpha.png", pngOf(2, 1, 8, 4, Buffer.from([0, 9, 0, 9, 255])));
  expect([...(await readImage(greyAlpha)).data]).toEqual([255, 255, 255, 9, 9, 9]);
});

test("CMYK is read without a profile, as the field reads it", async () => {
  const flat = sharp({ create: { width: 16, height: 16, channels: 3, background: "#c86432" } });
  const bytes = await flat
    .toColourspace("cmyk")
    .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
    .toBuffer();
  const { data: inks } = await sharp(bytes, { ignoreIcc: true })
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const light = (c: number) => ((255 - inks[c]!) * (255 - inks[3]!)) / 255;
  const { data, channels } = await readImage(save("inks.jpg", bytes));
  expect(channels).toBe(3);
  expect([...data.subarray(0, 3)]).toEqual([0, 1, 2].map((c) => Math.round(light(c))));
});

test("the EXIF orientation turns the picture", async () => {
  const flat = sharp({ create: { width: 6, height: 4, channels: 3, background: "#336699" } });
  const file = save("turned.jpg", await flat.jpeg().withMetadata({ orientation: 6 }).toBuffer());
  expect(await readImage(file)).toMatchObject({ width: 4, height: 6 });
});

test("bombs, cut files, other formats and missing files are refused by name", async () => {
  const bomb = save("bomb.png", pngOf(30_000, 30_000, 8, 2, Buffer.alloc(1000)));
  await expect(readImage(bomb)).rejects.toThrow(
    /bomb\.png: 30000x30000 is over the limit of 100000000 pixels/,
  );
  const noise = { data: Uint8Array.from({ length: 3072 }, (_, i) => (i * 7919) % 251) };
  const whole = await sharp(noise.data, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer();
  for (const length of [31, 40, whole.length / 2])
    await expect(readImage(save("cut.png", whole.subarray(0, length)))).rejects.toThrow(
      /cut\.png: the file is broken or cut/,
    );
  await expect(readImage(save("text.png", Buffer.from("not a picture")))).rejects.toThrow(/text\.png/);
  const gif = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } })
    .gif()
    .toBuffer();
  await expect(readImage(save("x.gif", gif))).rejects.toThrow(/expected PNG, JPEG or WebP, got gif/);
  await expect(readImage(join(folder, "none.png"))).rejects.toMatchObject({ code: "io" });
});

const ramp = {
  data: Uint8Array.from(
    { length: 64 * 64 * 3 },
    (_, i) => [60 + ((i / 3) % 64), 50 + 2 * Math.floor(i / 192), 90][i % 3]!,
  ),
  width: 64,
  height: 64,
  channels: 3,
};
const encoded = () => sharp(ramp.data, { raw: { width: 64, height: 64, channels: 3 } });
const mostApart = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

test.each([
  ["PNG", () => encoded().withIccProfile("p3").png(), 3],
  ["16-bit PNG", () => encoded().withIccProfile("p3").toColourspace("rgb16").png(), 3],
  ["WebP", () => encoded().withIccProfile("p3").webp({ lossless: true }), 3],
  ["JPEG", () => encoded().withIccProfile("p3").jpeg({ quality: 100, chromaSubsampling: "4:4:4" }), 5],
] as const)(
  "a Display-P3 %s is converted to sRGB, and as it lies with ignoreProfile",
  async (_, encode, most) => {
    const file = await encode().toBuffer();
    expect(mostApart((await readImage(file)).data, ramp.data)).toBeLessThanOrEqual(most);
    expect(mostApart((await readImage(file, { ignoreProfile: true })).data, ramp.data)).toBeGreaterThan(10);
  },
);

test("sRGB's own profile changes no byte; an inked picture's does what it says", async () => {
  const tagged = await encoded().withIccProfile("srgb").png().toBuffer();
  expect((await sharp(tagged).metadata()).icc?.length).toBeGreaterThan(0);
  expect(await readImage(tagged)).toEqual(ramp);
  const inked = encoded()
    .toColourspace("cmyk")
    .withIccProfile("cmyk")
    .jpeg({ quality: 100, chromaSubsampling: "4:4:4" });
  const file = await inked.toBuffer();
  const managed = await sharp(file).toColourspace("srgb").raw().toBuffer();
  expect(mostApart((await readImage(file)).data, managed)).toBe(0);
});

test("a PNG's cICP, gAMA and cHRM count, and sRGB's values of them change nothing", async () => {
  const grey = (more: Buffer, depth = 8) =>
    readImage(pngOf(1, 1, depth, 0, Buffer.from(depth === 8 ? [0, 100] : [0, 100, 100]), more));
  const words = (...values: number[]) => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
    return bytes;
  };
  const srgb = words(31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000);
  const unchanged = [
    chunk("gAMA", words(45_455)),
    Buffer.concat([chunk("gAMA", words(45_455)), chunk("cHRM", srgb)]),
    Buffer.concat([chunk("sRGB", Buffer.of(0)), chunk("gAMA", words(100_000))]),
    chunk("cICP", Buffer.of(1, 13, 0, 1)),
    chunk("iCCP", Buffer.from("broken\0\0no stream")),
  ];
  for (const more of unchanged) expect([...(await grey(more)).data]).toEqual([100, 100, 100]);
  // sRGB's curve of light 100/255: 255 (1.055 (100/255)^(1/2.4) - 0.055) = 168.1
  const rgb = (more: Buffer) => readImage(pngOf(1, 1, 8, 2, Buffer.from([0, 100, 100, 100]), more));
  for (const light of [chunk("gAMA", words(100_000)), chunk("cICP", Buffer.of(1, 8, 0, 1))])
    for (const value of (await rgb(light)).data) expect(Math.abs(value - 168)).toBeLessThanOrEqual(1);
});

test("a grey profile counts, for 16 bits, too", async () => {
  const linear = { g: 1, a: 1, b: 0, c: 0, d: 0 };
  const icc = makeProfile({
    primaries: [
      [0.64, 0.33],
      [0.3, 0.6],
      [0.15, 0.06],
    ],
    white: [0.3127, 0.329],
    curve: linear,
  });
  const rename = (name: string, at: number) => icc.set(Buffer.from(name, "latin1"), at);
  rename("GRAY", 16);
  // The fifth tag of the table is red's curve.
  rename("kTRC", 132 + 4 * 12);
  for (const [depth, row] of [
    [8, [0, 100]],
    [16, [0, 100, 0]],
  ] as const) {
    const file = pngWithProfile(pngOf(1, 1, depth, 0, Buffer.from(row)), icc);
    for (const value of (await readImage(file)).data) expect(Math.abs(value - 168)).toBeLessThanOrEqual(1);
    expect([...(await readImage(file, { ignoreProfile: true })).data]).toEqual([100, 100, 100]);
  }
});

test("a pipe and a folder are refused and not waited for", async () => {
  const pipe = join(folder, "pipe.png");
  execFileSync("mkfifo", [pipe]);
  for (const file of [pipe, folder, "/dev/zero"])
    await expect(readImage(file)).rejects.toMatchObject({
      code: "io",
      message: expect.stringMatching(/expected a file/),
    });
});

test("what was written is read again, and a failure leaves nothing behind", async () => {
  const written = join(folder, "written.png");
  await writeImage(written, ramp);
  expect(await readImage(written)).toEqual(ramp);
  expect(await readImageSize(written)).toEqual({ width: 64, height: 64 });
  await expect(writeImage(join(folder, "none", "x.png"), ramp)).rejects.toMatchObject({ code: "io" });
  await expect(writeImage(written, { ...ramp, width: 63 })).rejects.toMatchObject({ code: "shape" });
  expect(await readImage(written)).toEqual(ramp);
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
});
