import { ControlNetError, type Image } from "@controlnet-js/core";
import type { Scene } from "./scene.js";
import { castRay, type Hit, SKY, shaderOf } from "./shading.js";
import { TILE, tilesOf, type World, worldOf } from "./world.js";

/** The size of a picture in pixels. */
export interface RenderSize {
  /** 8 to 4096; 128 if left out. */
  width?: number;
  height?: number;
}

/** Linear light to sRGB bytes, in steps of 1/4096 up to 2; bright light fades softly to white. */
const TONE = Uint8Array.from({ length: 8192 }, (_, i) => {
  const value = i / 4096;
  const soft = value < 0.75 ? value : 0.75 + 0.25 * (1 - Math.exp(-(value - 0.75) / 0.25));
  return Math.round(255 * soft ** (1 / 2.2));
});

/** Where in a pixel the extra rays of an edge go: eight rooks that do not attack each other. */
const SAMPLES = [1, 5, 3, 7, 2, 6, 4, 8].map((row, i) => [(i + 0.5) / 8, (row - 0.5) / 8] as const);

/** Neighbouring bytes that differ by more than this get extra rays. */
const EDGE = 14;

/**
 * Renders a scene: RGB bytes, `[height, width, 3]`. One ray a pixel, eight more where neighbours differ.
 * The same scene and size give the same bytes on every machine with IEEE arithmetic.
 * @throws ControlNetError `range` for a size that is not an integer from 8 to 4096
 */
export const render = (scene: Scene, size: RenderSize = {}): Image => paintWorld(worldOf(scene), size);

/** Renders what a scene was made ready as; see {@link render}. */
export function paintWorld(world: World, { width = 128, height = 128 }: RenderSize = {}): Image {
  for (const side of [width, height])
    if (!Number.isInteger(side) || side < 8 || side > 4096)
      throw new ControlNetError(
        "range",
        `render: expected width and height from 8 to 4096, got ${width}x${height}`,
      );
  const { forward, right: r, up: u, tangent } = world.view;
  const tiles = tilesOf(world, width, height);
  const columns = Math.ceil(width / TILE);
  const shade = shaderOf(world);
  const hit: Hit = { solid: null, surface: SKY, t: Infinity, normal: new Float64Array(3) };
  const light = new Float64Array(3);
  const perPixel = (2 * tangent) / Math.min(width, height);
  const ray = (x: number, y: number, tile: number): void => {
    const right = (x - width / 2) * perPixel;
    const up = (height / 2 - y) * perPixel;
    const dx = forward[0] + right * r[0] + up * u[0];
    const dy = forward[1] + right * r[1] + up * u[1];
    const dz = forward[2] + right * r[2] + up * u[2];
    castRay(world, tiles[tile]!, dx, dy, dz, hit);
    shade(dx, dy, dz, hit, light);
  };
  const tone = (value: number): number => TONE[Math.min(8191, (value * 4096) | 0)]!;
  const tileOf = (x: number, y: number): number => Math.floor(y / TILE) * columns + Math.floor(x / TILE);

  const data = new Uint8Array(width * height * 3);
  const surface = new Int8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      ray(x + 0.5, y + 0.5, tileOf(x, y));
      const i = y * width + x;
      surface[i] = hit.surface;
      for (let c = 0; c < 3; c++) data[3 * i + c] = tone(light[c]!);
    }
  const edges = edgesOf(data, surface, width, height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (!edges[i]) continue;
      let [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
      for (const [sx, sy] of SAMPLES) {
        ray(x + sx, y + sy, tileOf(x, y));
        r += tone(light[0]!);
        g += tone(light[1]!);
        b += tone(light[2]!);
      }
      data[3 * i] = Math.round(r / 9);
      data[3 * i + 1] = Math.round(g / 9);
      data[3 * i + 2] = Math.round(b / 9);
    }
  return { data, width, height, channels: 3 };
}

/** 1 where a pixel differs from a direct neighbour in surface or colour. */
function edgesOf(data: Uint8Array, surface: Int8Array, width: number, height: number): Uint8Array {
  const edges = new Uint8Array(width * height);
  const differ = (i: number, j: number): boolean =>
    surface[i] !== surface[j] ||
    Math.abs(data[3 * i]! - data[3 * j]!) > EDGE ||
    Math.abs(data[3 * i + 1]! - data[3 * j + 1]!) > EDGE ||
    Math.abs(data[3 * i + 2]! - data[3 * j + 2]!) > EDGE;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width && differ(i, i + 1)) edges[i] = edges[i + 1] = 1;
      if (y + 1 < height && differ(i, i + width)) edges[i] = edges[i + width] = 1;
    }
  return edges;
}
