// Draws a sheet of pictures to look at, and says how long they took.
// Usage: tsx --conditions=@controlnet-js/source scripts/contact-sheet.ts OUT.png [START] [COLUMNS] [ROWS]
import sharp from "sharp";
import { captionOf, render, sceneOf } from "../src/index.js";

const [out = "sheet.png", start = "0", columns = "8", rows = "6"] = process.argv.slice(2);
const side = 132;
let milliseconds = 0;
const tiles = Array.from({ length: Number(columns) * Number(rows) }, (_, i) => {
  const began = performance.now();
  const scene = sceneOf({ seed: 1, index: Number(start) + i });
  const { data, width, height } = render(scene);
  milliseconds += performance.now() - began;
  console.log(`${i}: ${captionOf(scene)}`);
  return {
    input: Buffer.from(data),
    raw: { width, height, channels: 3 as const },
    left: (i % Number(columns)) * side,
    top: Math.floor(i / Number(columns)) * side,
  };
});
console.log(`${(milliseconds / tiles.length).toFixed(1)} ms a picture`);
await sharp({
  create: { width: Number(columns) * side, height: Number(rows) * side, channels: 3, background: "#fff" },
})
  .composite(tiles)
  .png()
  .toFile(out);
