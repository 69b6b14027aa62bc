import { createRequire } from "node:module";
import { captionOf, render, sceneOf } from "../src/index.js";
const sharp = createRequire("/work/main/packages/preprocessors/package.json")("sharp");
const [out = "/tmp/tinyworld-sheet.png", start = "0", cols = "8", rows = "6"] = process.argv.slice(2);
const tiles = [];
const t0 = performance.now(); let ms = 0;
for (let i = 0; i < +cols * +rows; i++) {
  const scene = sceneOf({ seed: 1, index: +start + i });
  const a = performance.now();
  const image = render(scene);
  ms += performance.now() - a;
  if (process.argv[6]) console.log(i, captionOf(scene));
  tiles.push({ input: Buffer.from(image.data), raw: { width: 128, height: 128, channels: 3 }, left: (i % +cols) * 132, top: Math.floor(i / +cols) * 132 });
}
console.log((ms / tiles.length).toFixed(1), "ms/image", ((performance.now() - t0) / tiles.length).toFixed(1));
await sharp({ create: { width: +cols * 132, height: +rows * 132, channels: 3, background: "#fff" } }).composite(tiles).png().toFile(out);
