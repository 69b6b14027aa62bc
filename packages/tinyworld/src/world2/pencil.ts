import type { Image } from "@controlnet-js/core";
import { truthOf } from "../ground-truth.js";
import { noise2, smoothstep } from "../noise.js";
import type { World } from "../world.js";
import type { Scene2 } from "./scene.js";

/** The colour of the paper. */
const PAPER = [250, 247, 240] as const;

/**
 * Redraws a picture with coloured pencils on paper: outlines where surface, depth or direction jumps, colours laid on in
 * slanted strokes, denser where it is dark.
 */
export function asPencil(image: Image, world: World, scene: Scene2): Image {
  const { width, height, data } = image;
  const { depth, normals, objects } = truthOf(world, () => 0, { width, height });
  const out = new Uint8Array(data.length);
  const scale = 128 / Math.min(width, height);
  const shift = scene.variation[0]! * 50;
  const night = scene.time === "night" || scene.place === "moon";
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      let line = 0;
      for (const j of [x + 1 < width ? i + 1 : i, y + 1 < height ? i + width : i]) {
        if (objects[i] !== objects[j]) line = Math.max(line, objects[i]! < -1 && objects[j]! < -1 ? 0.6 : 1);
        const [a, b] = [depth[i]!, depth[j]!];
        if (objects[i]! >= -1 && Math.abs(a - b) > 0.12 * Math.min(a, b)) line = Math.max(line, 0.85);
        const turn =
          normals[3 * i]! * normals[3 * j]! +
          normals[3 * i + 1]! * normals[3 * j + 1]! +
          normals[3 * i + 2]! * normals[3 * j + 2]!;
        if (objects[i]! !== -1 && objects[j]! !== -1 && turn < 0.8) line = Math.max(line, 0.7);
      }
      const [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
      const dark = 1 - (0.3 * r + 0.6 * g + 0.1 * b) / 255;
      const [px, py] = [x * scale, y * scale];
      const stroke = noise2((px + py) * 0.55 + shift, (px - py) * 0.09);
      const cover =
        Math.min(0.95, (night ? 0.42 : 0.5) + 0.45 * dark) * (0.84 + 0.2 * smoothstep(0.2, 0.7, stroke));
      for (let c = 0; c < 3; c++) {
        const laid = PAPER[c as 0]! + (data[3 * i + c]! - PAPER[c as 0]!) * Math.min(1, cover);
        out[3 * i + c] = Math.round(laid + (58 - laid) * 0.8 * line);
      }
    }
  return { data: out, width, height, channels: 3 };
}
