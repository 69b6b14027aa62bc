import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { writeImage } from "@controlnet-js/preprocessors/node";
import { BATCH_SIDE } from "../render-batch.js";
import type { Scene } from "../scene.js";
import { HELD_OUT_START, sceneOf } from "../scene-of.js";
import { RenderPool } from "./render-pool.js";

/** What {@link writeDataset} writes, and where. */
export interface WriteDatasetOptions {
  /** The folder; made if it does not exist. */
  out: string;
  /** Pictures to write. */
  count: number;
  /** 1 if left out. */
  seed?: number;
  /** Index of the first scene; 0 if left out. From {@link HELD_OUT_START} on, scenes are held out. */
  start?: number;
  format?: "fill50k";
  /** The control map of a picture, one or three channels: an estimate from the image, or the truth from the scene. */
  map: (image: Image, scene: Scene) => Image | Promise<Image>;
  /** Processes that render; 0 (the default) renders in this one. */
  workers?: number;
  /** Told how many pictures are written. */
  onProgress?: (written: number, count: number) => void;
}

/** Pictures between two reports of progress. */
const ROUND = 128;

/**
 * Writes a data set in fill50k's format: `source/N.png` (control maps), `target/N.png` (pictures) and `prompt.json`,
 * whose lines are `{"source": "source/N.png", "target": "target/N.png", "prompt": "..."}`. N is the scene's index.
 * `prompt.json` is written last, so that an unfinished folder is not mistaken for a data set.
 * `prompt.json.part` stands for one: it may be begun again.
 * @throws ControlNetError `range` for a bad count or a range that reaches into the held-out scenes, `io` where `out`
 *   holds a data set or other pictures already, `shape` for a map of another size
 */
export async function writeDataset({
  out,
  count,
  seed = 1,
  start = 0,
  map,
  workers = 0,
  onProgress,
}: WriteDatasetOptions): Promise<void> {
  if (!Number.isInteger(count) || count < 1)
    throw new ControlNetError("range", `writeDataset: expected count to be a positive integer, got ${count}`);
  if (start < HELD_OUT_START && start + count > HELD_OUT_START)
    throw new ControlNetError(
      "range",
      `writeDataset: scenes ${start} to ${start + count - 1} are partly held out (from ${HELD_OUT_START} on)`,
    );
  const prompts = join(out, "prompt.json");
  if (await isThere(prompts))
    throw new ControlNetError(
      "io",
      `writeDataset: ${prompts} exists already; choose another folder or remove it`,
    );
  const unfinished = `${prompts}.part`;
  for (const folder of [join(out, "source"), join(out, "target")]) {
    await mkdir(folder, { recursive: true });
    const [other] = (await isThere(unfinished)) ? [] : await readdir(folder);
    if (other !== undefined)
      throw new ControlNetError(
        "io",
        `writeDataset: ${folder} holds ${other}, which no unfinished data set left there; choose another folder`,
      );
  }
  await writeFile(unfinished, "");
  const size = BATCH_SIDE * BATCH_SIDE * 3;
  const lines: string[] = [];
  const pool = new RenderPool(workers);
  try {
    for (let done = 0; done < count; done += ROUND) {
      const batch = await pool.render({ seed, start: start + done, count: Math.min(ROUND, count - done) });
      for (const [i, prompt] of batch.captions.entries()) {
        const index = start + done + i;
        const data = batch.images.subarray(i * size, (i + 1) * size);
        const image: Image = { data, width: BATCH_SIDE, height: BATCH_SIDE, channels: 3 };
        const source = `source/${index}.png`;
        const target = `target/${index}.png`;
        await writeImage(join(out, target), image);
        await writeImage(join(out, source), await checkedMap(map, image, sceneOf({ seed, index })));
        lines.push(JSON.stringify({ source, target, prompt }));
      }
      onProgress?.(lines.length, count);
    }
  } finally {
    pool.close();
  }
  await writeFile(unfinished, `${lines.join("\n")}\n`);
  await rename(unfinished, prompts);
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function checkedMap(map: WriteDatasetOptions["map"], image: Image, scene: Scene): Promise<Image> {
  const made = await map(image, scene);
  if (
    made.width !== image.width ||
    made.height !== image.height ||
    (made.channels !== 1 && made.channels !== 3)
  )
    throw new ControlNetError(
      "shape",
      `writeDataset: expected a map of ${image.width}x${image.height} with 1 or 3 channels, ` +
        `got ${made.width}x${made.height}x${made.channels}`,
    );
  return made;
}
