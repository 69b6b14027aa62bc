import { captionOf } from "./caption.js";
import { render } from "./render.js";
import { sceneOf } from "./scene-of.js";

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
 * @throws ControlNetError `range` as {@link sceneOf}
 */
export function renderBatch(seed: number, start: number, count: number): RenderedBatch {
  const size = BATCH_SIDE * BATCH_SIDE * 3;
  const images = new Uint8Array(count * size);
  const captions: string[] = [];
  for (let i = 0; i < count; i++) {
    const scene = sceneOf({ seed, index: start + i });
    images.set(render(scene).data, i * size);
    captions.push(captionOf(scene));
  }
  return { images, captions };
}
