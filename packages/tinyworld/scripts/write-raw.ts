// Writes raw pictures and captions for a training run: PATH.bin (uint8 [count, 128, 128, 3]) and PATH.txt.
// Usage: tsx --conditions=@controlnet-js/source scripts/write-raw.ts PATH COUNT [SEED] [START]
import { appendFileSync, writeFileSync } from "node:fs";
import { renderBatch } from "../src/index.js";

const [path, count, seed = "1", start = "0"] = process.argv.slice(2);
if (!path || !count) throw new Error("write-raw: expected PATH COUNT [SEED] [START]");
writeFileSync(`${path}.bin`, "");
writeFileSync(`${path}.txt`, "");
for (let done = 0; done < Number(count); done += 500) {
  const batch = renderBatch(Number(seed), Number(start) + done, Math.min(500, Number(count) - done));
  appendFileSync(`${path}.bin`, batch.images);
  appendFileSync(`${path}.txt`, `${batch.captions.join("\n")}\n`);
  console.log(`${path}: ${done + batch.captions.length} of ${count}`);
}
