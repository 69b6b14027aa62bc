import type { Image } from "@controlnet-js/core";
import { paintWorld, type RenderSize } from "../render.js";
import { asPencil } from "./pencil.js";
import type { Scene2 } from "./scene.js";
import { world2Of } from "./world-of.js";

/**
 * Renders a scene of world 2: RGB bytes, `[height, width, 3]`, in its style.
 * The same scene and size give the same bytes on every machine with IEEE arithmetic.
 * @throws ControlNetError `range` for a size that is not an integer from 8 to 4096
 */
export function render2(scene: Scene2, size: RenderSize = {}): Image {
  const world = world2Of(scene);
  const image = paintWorld(world, size);
  return scene.style === "pencil" ? asPencil(image, world, scene) : image;
}
