import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { overWhite } from "../alpha.js";
import { crop } from "../fit.js";
import type { ByteImage } from "../image.js";
import { crcKernel } from "../kernels/png-kernels.js";
import { invert } from "../maps/binary.js";
import { readImage as readImageInNode } from "../node/read-image.js";
import { pngChunks } from "../png-chunks.js";
import { launchChromium, whyNoChromium } from "../testing/chromium.js";
import { bundleTestPage, openTestPage } from "../testing/open-test-page.js";
import { readImages } from "../testing/read-fixture.js";
import { type ReadImageOptions, readImage } from "./read-image.js";
import type { TestPage } from "./test-page.js";

const photograph = crop(readImages("pictures.bin.gz").astronaut!, 3, 5, 101, 67);
const encoder = ({ data, width, height, channels }: ByteImage) =>
  sharp(data, { raw: { width, height, channels: channels as 3 } });

const pictures: Record<string, Buffer> = {};
let browser: Browser;
let page: Page;
beforeAll(async () => {
  if (whyNoChromium) return;
  browser = await launchChromium();
  page = await openTestPage(browser, await bundleTestPage(), { pictures });
}, 120_000);
afterAll(() => browser?.close());

/** What the page reads of a file; fails where it is an error. */
async function read(file: Buffer, options?: ReadImageOptions) {
  const result = await tryToRead(file, options);
  if ("code" in result) throw new Error(result.message);
  return { ...result, data: Buffer.from(result.data, "base64") };
}

function tryToRead(file: Buffer, options?: ReadImageOptions) {
  const url = `/${Object.keys(pictures).length}`;
  pictures[url] = file;
  return page.evaluate(
    ([url, options]) =>
      (globalThis as unknown as { testPage: TestPage }).testPage.readPicture(url, options ?? {}),
    [url, options] as const,
  );
}

/** The same file as sharp decodes it in Node. */
async function inNode(file: Buffer) {
  const { data, info } = await sharp(file, { ignoreIcc: true })
    .autoOrient()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

/** As `readImage` reads it in Node. */
async function readInNode(file: Buffer, options?: ReadImageOptions) {
  const image = await readImageInNode(file, options);
  return { ...image, data: Buffer.from(image.data) };
}

/** How many levels apart the page's reading of a file is from another one, at most. */
async function mostApart(file: Buffer, other: { data: Buffer }): Promise<number> {
  const { data } = await read(file);
  expect(data.length).toBe(other.data.length);
  return data.reduce((most, value, i) => Math.max(most, Math.abs(value - other.data[i]!)), 0);
}

const chunk = (type: string, data: Buffer) => {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
  bytes.writeUInt32BE(data.length);
  bytes.writeUInt32BE(crcKernel(bytes.subarray(4, -4))!, bytes.length - 4);
  return bytes;
};

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

/** A PNG with a chunk behind its header. */
const withChunk = (png: Buffer, type: string, data: Buffer) =>
  Buffer.concat([png.subarray(0, 33), chunk(type, data), png.subarray(33)]);

/** A PNG of the photograph with an animation of one other picture. */
async function animatedPng(): Promise<Buffer> {
  const [still, moving] = await Promise.all(
    [photograph, invert(photograph)].map((p) => encoder(p).png().toBuffer()),
  );
  const { width, height } = photograph;
  const frame = Buffer.concat([words(0, width, height, 0, 0), Buffer.of(0, 1, 0, 10, 0, 0)]);
  const chunks = [...pngChunks(still!)].map(({ type, start, end }) => ({
    type,
    bytes: still!.subarray(start, end),
  }));
  const first = chunks.findIndex(({ type }) => type === "IDAT");
  const pixels = [...pngChunks(moving!)]
    .filter(({ type }) => type === "IDAT")
    .map(({ start, end }, i) =>
      chunk("fdAT", Buffer.concat([words(i + 1), moving!.subarray(start + 8, end - 4)])),
    );
  return Buffer.concat([
    still!.subarray(0, 8),
    ...chunks.slice(0, first).map(({ bytes }) => bytes),
    chunk("acTL", words(1, 0)),
    ...chunks.slice(first, -1).map(({ bytes }) => bytes),
    chunk("fcTL", frame),
    ...pixels,
    chunks.at(-1)!.bytes,
  ]);
}

describe.skipIf(whyNoChromium)(`readImage${whyNoChromium ? ` (skipped: ${whyNoChromium})` : ""}`, () => {
  test.each([
    ["PNG", () => encoder(photograph).png()],
    ["PNG with a palette", () => encoder(photograph).png({ palette: true, colours: 16 })],
    ["PNG with sRGB's profile", () => encoder(photograph).withIccProfile("srgb").png()],
    ["lossless WebP", () => encoder(photograph).webp({ lossless: true })],
    ["JPEG", () => encoder(photograph).jpeg({ quality: 80 })],
    [
      "progressive JPEG without subsampling",
      () => encoder(photograph).jpeg({ progressive: true, chromaSubsampling: "4:4:4" }),
    ],
    ["lossy WebP", () => encoder(photograph).webp({ quality: 70 })],
  ])("gives the bytes that sharp gives in Node: %s", async (_, encode) => {
    const file = await encode().toBuffer();
    expect(await read(file)).toEqual(await inNode(file));
  });

  test.each([
    ["Display P3, JPEG", () => encoder(photograph).withIccProfile("p3").jpeg({ quality: 95 }), 2],
    ["Display P3, PNG", () => encoder(photograph).withIccProfile("p3").png(), 2],
    ["Display P3, WebP", () => encoder(photograph).withIccProfile("p3").webp({ lossless: true }), 2],
    ["Display P3, 16 bits", () => encoder(photograph).withIccProfile("p3").toColourspace("rgb16").png(), 2],
  ] as const)("converts to sRGB as Node does: %s", async (_, encode, most) => {
    const file = await encode().toBuffer();
    expect(await mostApart(file, await readInNode(file))).toBeLessThanOrEqual(most);
    expect(await mostApart(file, await readInNode(file, { ignoreProfile: true }))).toBeGreaterThan(10);
    expect(await read(file, { ignoreProfile: true })).toEqual(await inNode(file));
  });

  test.each([
    ["cICP, Display P3", "cICP", Buffer.of(12, 13, 0, 1)],
    ["gAMA, linear", "gAMA", words(100_000)],
    ["cHRM of Adobe RGB", "cHRM", words(31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)],
  ])("converts to sRGB as Node does: PNG with %s", async (_, type, data) => {
    const plain = await encoder(photograph).png().toBuffer();
    const file = withChunk(plain, type, data);
    expect(await mostApart(file, await readInNode(file))).toBeLessThanOrEqual(2);
    expect(await mostApart(file, await inNode(plain))).toBeGreaterThan(10);
    expect(await read(file, { ignoreProfile: true })).toEqual(await inNode(plain));
  });

  test("16 bits a channel are cut to bytes", async () => {
    const file = await encoder(photograph).toColourspace("rgb16").png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe("ushort");
    expect(await read(file)).toEqual(await inNode(file));
  });

  test.each(["jpeg", "png", "webp"] as const)(
    "all eight EXIF orientations of a %s are turned upright",
    async (format) => {
      for (let orientation = 1; orientation <= 8; orientation++) {
        const file = await encoder(photograph)[format]().withMetadata({ orientation }).toBuffer();
        const picture = await read(file);
        expect([picture.width, picture.height]).toEqual(orientation < 5 ? [101, 67] : [67, 101]);
        expect(picture).toEqual(await inNode(file));
      }
    },
  );

  test("of an animated PNG the still picture is read, which need not be part of the animation", async () => {
    const animated = await animatedPng();
    expect(await read(animated)).toEqual(await inNode(await encoder(photograph).png().toBuffer()));
    expect(await inNode(animated)).toEqual(await read(animated));
  });

  test("an animated WebP is its first picture", async () => {
    const { width, height } = photograph;
    const both = Buffer.concat([photograph.data, invert(photograph).data]);
    const file = await sharp(both, { raw: { width, height: 2 * height, channels: 3, pageHeight: height } })
      .webp({ lossless: true, delay: [90, 90] })
      .toBuffer();
    expect((await sharp(file, { animated: true }).metadata()).pages).toBe(2);
    expect(await read(file)).toEqual(await inNode(await encoder(photograph).png().toBuffer()));
  });

  test("a picture of more rows than are read at a time is whole, its transparent parts too", async () => {
    const [width, height] = [1500, 1500];
    const data = Uint8Array.from({ length: width * height * 4 }, (_, i) =>
      i % 4 === 3 ? ((i >> 10) % 2) * 255 : (i * 7919) >> 7,
    );
    const rgba = { data, width, height, channels: 4 };
    const found = await read(await encoder(rgba).png({ compressionLevel: 1 }).toBuffer());
    expect(found.data.equals(overWhite(rgba).data)).toBe(true);
  });

  test("transparency is laid over white within one level, or kept", async () => {
    const { width, height } = photograph;
    const data = Uint8Array.from({ length: width * height * 4 }, (_, i) => (i * 7919) % 256);
    const rgba = { data, width, height, channels: 4 };
    const file = await encoder(rgba).png().toBuffer();
    const white = overWhite(rgba);
    const found = await read(file);
    expect(found.channels).toBe(3);
    expect(Math.max(...white.data.map((value, i) => Math.abs(value - found.data[i]!)))).toBeLessThanOrEqual(
      1,
    );
    const kept = await read(file, { alpha: true });
    expect(kept.channels).toBe(4);
    for (let i = 0; i < data.length; i += 4) {
      expect(kept.data[i + 3]).toBe(data[i + 3]);
      const alpha = data[i + 3]!;
      const most = alpha === 255 ? 0 : alpha >= 128 ? 1 : 255;
      for (let c = i; c < i + 3; c++) expect(Math.abs(kept.data[c]! - data[c]!)).toBeLessThanOrEqual(most);
    }
  });

  test("bombs are refused before they are decoded, cut and broken files with their reason", async () => {
    const whole = await encoder(photograph).png().toBuffer();
    const bomb = Buffer.from(whole);
    bomb.writeUInt32BE(30_000, 16);
    bomb.writeUInt32BE(30_000, 20);
    expect(await tryToRead(bomb)).toMatchObject({
      code: "range",
      message: expect.stringMatching(/30000x30000 is over the limit/),
    });
    expect(await tryToRead(bomb, { maxPixels: Number.POSITIVE_INFINITY })).toMatchObject({
      code: "range",
      message: expect.stringMatching(/30000x30000 is over the limit of 268435456/),
    });
    for (const maxPixels of [100, Number.NaN])
      expect(await tryToRead(whole, { maxPixels })).toMatchObject({ code: "range" });
    for (const encode of ["png", "jpeg", "webp"] as const) {
      const file = await encoder(photograph)[encode]().toBuffer();
      const cut = await tryToRead(file.subarray(0, file.length / 2));
      expect(cut).toMatchObject({
        code: "data",
        message: expect.stringMatching(`the ${encode} file is cut`),
      });
    }
    const broken = Buffer.from(whole);
    broken.fill(0, 300, 600);
    expect(await tryToRead(broken)).toMatchObject({
      code: "data",
      message: expect.stringMatching(/can't decode the png/),
    });
    expect(await tryToRead(Buffer.from("no picture"))).toMatchObject({ code: "data" });
  });
});

test("what is no file, or one that is gone, is refused", async () => {
  vi.stubGlobal("createImageBitmap", () => Promise.reject(new Error("not reached")));
  const gone = { arrayBuffer: () => Promise.reject(new Error("the file is gone")) } as Blob;
  await expect(readImage(gone)).rejects.toMatchObject({ code: "io", message: expect.stringMatching(/gone/) });
  for (const file of ["photo.png", null, undefined])
    await expect(readImage(file as never)).rejects.toMatchObject({ code: "data" });
  vi.unstubAllGlobals();
});

test("in Node it says where it works", async () => {
  await expect(readImage(new Uint8Array(0))).rejects.toMatchObject({ code: "missing" });
});
