/** Makes docs/conditions.md and its pictures: `pnpm gallery`. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Condition, Image } from "@controlnet-js/core";
import sharp from "sharp";
import { render, sceneOf } from "../../tinyworld/src/index.js";
import { galleryEntries } from "./gallery-entries.js";
import { galleryPage } from "./gallery-page.js";
import { truthConditions } from "./truth-networks.js";

const docs = (path: string) => fileURLToPath(new URL(`../../../docs/${path}`, import.meta.url));
/** tinyworld's scenes of seed 1: a person in a room, a house in the snow, a person and a tree in the snow. */
const SCENES = [47, 42, 58].map((index) => sceneOf({ seed: 1, index }));
const SCENE_SIDE = 384;

const photographs = await Promise.all(
  ["astronaut", "coffee"].map(async (name): Promise<Image> => {
    const { data, info } = await sharp(docs(`conditions/${name}.jpg`))
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 };
  }),
);
const scenes = SCENES.map((scene) => render(scene, { width: SCENE_SIDE, height: SCENE_SIDE }));

/** Writes pictures of one size side by side; a PNG of lines has one channel of 16 greys. */
async function writeRow(path: string, pictures: readonly Image[]): Promise<void> {
  const { width, height, channels } = pictures[0]!;
  const row = new Uint8Array(width * height * channels * pictures.length);
  const stride = width * channels;
  pictures.forEach(({ data }, i) => {
    for (let y = 0; y < height; y++)
      row.set(data.subarray(y * stride, (y + 1) * stride), (y * pictures.length + i) * stride);
  });
  const image = sharp(row, { raw: { width: width * pictures.length, height, channels: channels as 3 } });
  const file = path.endsWith(".png")
    ? image
        .toColourspace("b-w")
        .png({ palette: true, colours: 16, dither: 0, compressionLevel: 9, effort: 10 })
    : image.jpeg({ quality: 80, mozjpeg: true });
  await file.toFile(docs(path));
}

/** A picture with a hole, as inpainting takes it. */
function withHole({ data, width, height }: Image): Image {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    rgba.set(data.subarray(i * 3, i * 3 + 3), i * 4);
    const [x, y] = [(i % width) / width - 0.72, Math.floor(i / width) / height - 0.78];
    rgba[i * 4 + 3] = x * x + y * y < 0.03 ? 0 : 255;
  }
  return { data: rgba, width, height, channels: 4 };
}

await writeRow("conditions/photographs.jpg", photographs);
await writeRow("conditions/scenes.jpg", scenes);
for (const { condition, picture, needsNetwork, shownWith } of galleryEntries) {
  const maps = needsNetwork
    ? SCENES.map((scene, i) => {
        const known = truthConditions(scene, SCENE_SIDE) as unknown as Record<string, Condition>;
        return known[condition.name]!.detect(scenes[i]!);
      })
    : photographs.map((photograph) =>
        condition.detect(condition.name === "inpaint" ? withHole(photograph) : photograph, shownWith),
      );
  await writeRow(picture, await Promise.all(maps));
}
writeFileSync(docs("conditions.md"), galleryPage(galleryEntries));
