import { tinyworld, type WorldOptions } from "./worlds.js";

/** Side of the images of a batch, pixels. */
export const BATCH_SIDE = 128;

/** Many pictures in one array. */
export interface RenderedBatch {
  /** RGB bytes, `[count, 128, 128, 3]`. */
  images: Uint8Array<ArrayBuffer>;
  captions: string[];
}

/**
 * Renders the scenes `start` to `start + count - 1` of a seed at 128x128.
 * @throws ControlNetError `range` where seed or index is not an integer in [0, 2^53)
 */
export function renderBatch(
  seed: number,
  start: number,
  count: number,
  options: WorldOptions = {},
): RenderedBatch {
  const world = tinyworld(options);
  const size = BATCH_SIDE * BATCH_SIDE * 3;
  const images = new Uint8Array(count * size);
  const captions: string[] = [];
  for (let i = 0; i < count; i++) {
    const scene = world.open({ seed, index: start + i });
    images.set(scene.render().data, i * size);
    captions.push(scene.caption);
  }
  return { images, captions };
}
