/** Decodes the files it is sent, one at a time on one core, and ends. */
import { readFile } from "node:fs/promises";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);
process.once("message", async (files) => {
  for (const file of files)
    await sharp(await readFile(file))
      .autoOrient()
      .toColourspace("srgb")
      .raw()
      .toBuffer();
  process.exit();
});
process.send("ready");
