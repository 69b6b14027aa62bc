import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { readSource } from "./read-source.js";

const folder = mkdtempSync(join(tmpdir(), "read-source-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, bytes: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

/** A PNG of any header; `rows` begin with their filter byte. */
function pngOf(width: number, height: number, depth: number, colour: number, rows: Buffer): Buffer {
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
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colour;
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

test("grey, 16-bit and transparent pictures become RGB bytes as the field reads them", async () => {
  const grey = save("grey.png", pngOf(2, 1, 8, 0, Buffer.from([0, 7, 200])));
  expect(await readSource(grey)).toEqual({
    data: Uint8Array.of(7, 7, 7, 200, 200, 200),
    width: 2,
    height: 1,
    channels: 3,
  });
  const deep = save("deep.png", pngOf(1, 1, 16, 2, Buffer.from([0, 0x12, 0xff, 0x80, 0xfe, 0xff, 0x01])));
  expect([...(await readSource(deep)).data]).toEqual([0x12, 0x80, 0xff]);
  const deepGrey = save("deep-grey.png", pngOf(1, 1, 16, 0, Buffer.from([0, 0x41, 0xff])));
  expect([...(await readSource(deepGrey)).data]).toEqual([0x41, 0x41, 0x41]);

  const clear = save("clear.png", pngOf(2, 1, 8, 6, Buffer.from([0, 10, 20, 30, 0, 10, 20, 30, 255])));
  expect([...(await readSource(clear)).data]).toEqual([255, 255, 255, 10, 20, 30]);
  expect((await readSource(clear, { alpha: true })).data[3]).toBe(0);
  const greyAlpha = save("grey-alpha.png", pngOf(2, 1, 8, 4, Buffer.from([0, 9, 0, 9, 255])));
  expect([...(await readSource(greyAlpha)).data]).toEqual([255, 255, 255, 9, 9, 9]);
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
  const { data, channels } = await readSource(save("inks.jpg", bytes));
  expect(channels).toBe(3);
  expect([...data.subarray(0, 3)]).toEqual([0, 1, 2].map((c) => Math.round(light(c))));
});

test("the EXIF orientation turns the picture", async () => {
  const flat = sharp({ create: { width: 6, height: 4, channels: 3, background: "#336699" } });
  const file = save("turned.jpg", await flat.jpeg().withMetadata({ orientation: 6 }).toBuffer());
  expect(await readSource(file)).toMatchObject({ width: 4, height: 6 });
});

test("bombs, cut files, other formats and missing files are refused by name", async () => {
  const bomb = save("bomb.png", pngOf(30_000, 30_000, 8, 2, Buffer.alloc(1000)));
  await expect(readSource(bomb)).rejects.toThrow(
    /bomb\.png: 30000x30000 is over the limit of 100000000 pixels/,
  );
  const noise = { data: Uint8Array.from({ length: 3072 }, (_, i) => (i * 7919) % 251) };
  const whole = await sharp(noise.data, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer();
  for (const length of [31, 40, whole.length / 2])
    await expect(readSource(save("cut.png", whole.subarray(0, length)))).rejects.toThrow(
      /cut\.png: the file is broken or cut/,
    );
  await expect(readSource(save("text.png", Buffer.from("not a picture")))).rejects.toThrow(/text\.png/);
  const gif = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } })
    .gif()
    .toBuffer();
  await expect(readSource(save("x.gif", gif))).rejects.toThrow(/expected PNG, JPEG or WebP, got gif/);
  await expect(readSource(join(folder, "none.png"))).rejects.toMatchObject({ code: "io" });
});
