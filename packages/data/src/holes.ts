import { type Image, randomUniform } from "@controlnet-js/core";
import { type Dataset, identityOf, type Sample } from "./dataset.js";

/** Strokes and rectangles of one hole, and their sizes as shares of the picture's sides. */
const MOST_SHAPES = 4;
const SHARES = [0.1, 0.45] as const;

/**
 * A hole to be painted anew, as the inpainting ControlNet is trained on: one to four rectangles and thick strokes, which
 * `seed` and `index` alone decide.
 * @returns `[height, width, 1]`, 255 in the hole; never empty and never all of the picture
 */
export function drawHole(
  { width, height }: Pick<Image, "width" | "height">,
  { seed, index }: { seed: number; index: number },
): Image {
  const next = randomUniform({ seed, purpose: "hole", index });
  const within = (low: number, high: number) => low + (high - low) * next();
  const data = new Uint8Array(width * height);
  const fill = (left: number, top: number, right: number, bottom: number) => {
    const [from, to] = [Math.max(0, Math.floor(left)), Math.min(width, Math.ceil(right))];
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y++)
      if (to > from) data.fill(255, y * width + from, y * width + to);
  };
  const shapes = 1 + Math.floor(next() * MOST_SHAPES);
  for (let shape = 0; shape < shapes; shape++) {
    const [w, h] = [within(...SHARES) * width, within(...SHARES) * height];
    const [x, y] = [next() * (width - w), next() * (height - h)];
    if (next() < 0.5) fill(x, y, x + w, y + h);
    else {
      // A stroke: squares along a line through the rectangle, close enough to touch.
      const side = Math.max(1, within(0.04, 0.12) * Math.min(width, height));
      const steps = Math.ceil((2 * Math.max(w, h)) / side) + 1;
      const falls = next() < 0.5;
      for (let i = 0; i <= steps; i++) {
        const [u, v] = [(i / steps) * w, ((falls ? i : steps - i) / steps) * h];
        fill(x + u, y + v, x + u + side, y + v + side);
      }
    }
  }
  // A picture of a few pixels may be covered: its last row stays.
  if (!data.includes(0)) data.fill(0, (height - 1) * width);
  return { data, width, height, channels: 1 };
}

/** Samples whose maps are pictures, each with a hole of its own: black in the map, and told by `hole`. */
export function withHoles(dataset: Dataset, { seed }: { seed: number }): Dataset {
  const { maps, resolution } = dataset;
  return {
    ...(maps && { maps }),
    ...(resolution && { resolution }),
    size: dataset.size,
    describe: () => `${dataset.describe()}, with a hole in each picture`,
    identity: `${identityOf(dataset)}, holes of seed ${seed}`,
    async load(position) {
      const sample = await dataset.load(position);
      const hole = drawHole(sample.map, { seed, index: sample.index });
      return { ...sample, map: without(sample.map, hole), hole };
    },
  };
}

function without({ data, ...size }: Image, hole: Image): Image {
  const kept = Uint8Array.from(data);
  hole.data.forEach((inside, i) => {
    if (inside) kept.fill(0, i * size.channels, (i + 1) * size.channels);
  });
  return { ...size, data: kept };
}

/** What a sample's hole has in its map: -1 in every channel, written over the map's own values. */
export function fillHoles(maps: Float32Array, samples: readonly Sample[], channels: number): void {
  const length = maps.length / samples.length;
  samples.forEach(({ hole }, i) => {
    hole?.data.forEach((inside, j) => {
      if (inside) maps.fill(-1, i * length + j * channels, i * length + (j + 1) * channels);
    });
  });
}
