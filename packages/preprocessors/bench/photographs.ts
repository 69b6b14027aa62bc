/** Photographs for measuring, made of two small ones. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";

const sources = ["astronaut", "coffee"].map((name) =>
  fileURLToPath(new URL(`../../../docs/conditions/${name}.jpg`, import.meta.url)),
);

/** A turned, cropped and lightened part of one of the two. */
function part(i: number, width: number): Sharp {
  return sharp(sources[i % 2]!)
    .extract({ left: (i * 37) % 96, top: (i * 53) % 160, width: 416, height: 312 })
    .resize(width, (width * 3) / 4)
    .flop(i % 3 === 0)
    .modulate({ brightness: 0.8 + (i % 5) / 10 });
}

/** Writes JPEG photographs of 640 x 480 to 1024 x 768. */
export async function writeSmallPhotographs(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await part(i, 640 + 128 * (i % 4))
      .jpeg({ quality: 88 })
      .toFile(join(folder, `${String(i).padStart(4, "0")}.jpg`));
}

/** How many different photographs of a camera's size are made; the rest are copies. */
const DIFFERENT = 12;

/**
 * JPEG photographs of a camera's size as bytes. Enlarged alone they would be smooth, small files that decode in half the
 * time: grain as of a sensor makes them weigh what a camera's do.
 */
export async function largePhotographs(megapixels: number, count: number): Promise<Buffer[]> {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3) / 8) * 8;
  const height = (width * 3) / 4;
  const grain = await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: "#808080",
      noise: { type: "gaussian", mean: 128, sigma: 24 },
    },
  })
    .png({ compressionLevel: 1 })
    .toBuffer();
  const photographs: Buffer[] = [];
  for (let i = 0; i < Math.min(count, DIFFERENT); i++) {
    const enlarged = await part(i, width).png({ compressionLevel: 1 }).toBuffer();
    photographs.push(
      await sharp(enlarged)
        .composite([{ input: grain, blend: "soft-light" }])
        .jpeg({ quality: 90 })
        .toBuffer(),
    );
  }
  return photographs;
}
