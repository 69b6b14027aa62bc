import type { Image } from "@controlnet-js/core";
import type { Dataset } from "@controlnet-js/data";
import { HELD_OUT_START, tinyworld, type WorldOptions } from "@controlnet-js/tinyworld";
import { renderInWorkers } from "@controlnet-js/tinyworld/node";
import type { SceneMaps } from "./tinyworld-maps.js";

const side = 128;
const pixels = side * side;

/** How much of tinyworld to render. */
export interface TinyworldOptions extends WorldOptions {
  seed: number;
  count: number;
  /** Scenes that are never trained on. */
  heldOut?: boolean;
  /** Without any, a sample's map is the picture itself, for tasks that take no map. */
  maps?: SceneMaps;
  workers?: number;
  /** Renders a scene each time that its picture is read, and holds none. Default false. */
  lazy?: boolean;
}

const nameOf = ({ world = 1, pencil = 0 }: WorldOptions): string =>
  `tinyworld${world === 1 ? "" : " 2"}${pencil > 0 ? `, ${100 * pencil} % pencil` : ""}`;

/** Scenes that are rendered when their pictures are read; without maps. */
function lazyTinyworld({ seed, count, ...options }: TinyworldOptions, start: number): Dataset {
  const scenes = tinyworld(options);
  const name = nameOf(options);
  return {
    size: count,
    resolution: { width: side, height: side },
    describe: () => `${count} ${name} scenes from ${start}, seed ${seed}, without maps`,
    async load(index) {
      const key = { seed, index: start + index };
      const called = `${name} ${seed}/${start + index}`;
      let rendered: Image | undefined;
      const picture = (): Image => (rendered ??= scenes.open(key).render());
      return {
        index: start + index,
        name: called,
        content: { is: called, width: side, height: side, channels: 3 },
        get image() {
          return picture();
        },
        get map() {
          return picture();
        },
        caption: scenes.captionOf(key),
      };
    },
  };
}

/**
 * Renders scenes into memory, 50 kB each; their control maps are made when they are first asked for.
 * Sample i of the training part is scene i; held-out scenes are numbered from `HELD_OUT_START`.
 */
export async function openTinyworld(options: TinyworldOptions): Promise<Dataset> {
  const { seed, count, heldOut = false, maps, workers = 2, world = 1, pencil = 0 } = options;
  const scenes = tinyworld({ world, pencil });
  const start = heldOut ? HELD_OUT_START : 0;
  if (options.lazy) return lazyTinyworld(options, start);
  const { images, captions } = await renderInWorkers({ seed, start, count, workers, world, pencil });
  const name = nameOf({ world, pencil });
  const made = new Map<number, Image>();
  const imageOf = (index: number): Image => ({
    data: images.subarray(index * pixels * 3, (index + 1) * pixels * 3),
    width: side,
    height: side,
    channels: 3,
  });
  const mapOf = async (index: number, image: Image): Promise<Image> => {
    if (!maps) return image;
    let map = made.get(index);
    if (!map)
      made.set(index, (map = await maps.of(image, scenes.open({ seed, index: start + index }).scene)));
    return map;
  };
  return {
    size: count,
    resolution: { width: side, height: side },
    describe: () =>
      `${count} ${name} scenes from ${start}, seed ${seed}, ${maps ? `with ${maps.name}` : "without"} maps`,
    async load(index) {
      const image = imageOf(index);
      return {
        index: start + index,
        name: `${name} ${seed}/${start + index}`,
        image,
        map: await mapOf(index, image),
        caption: captions[index]!,
      };
    },
  };
}
