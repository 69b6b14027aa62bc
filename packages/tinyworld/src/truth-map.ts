import { ControlNetError, type Image, unknownName } from "@controlnet-js/core";
import { type GroundTruth, groundTruthOf } from "./ground-truth.js";
import { type Line, linesOf } from "./lines.js";
import { SEGMENTATION_PALETTE } from "./palette.js";
import type { RenderSize } from "./render.js";
import type { Scene } from "./scene.js";
import type { Vector } from "./vector.js";

/** The control maps that a scene gives exactly. */
export const TRUTH_MAPS = ["depth", "normal", "segmentation", "lines"] as const;

/** A control map's name. */
export type TruthMapName = (typeof TRUTH_MAPS)[number];

/**
 * A scene's exact control map, RGB bytes:
 * - `depth`: inverse depth, the nearest point white, the sky black, as ControlNet's depth maps
 * - `normal`: camera space from [-1, 1] to [0, 255], as ControlNet's normal maps: left is red, up green, front blue; the
 *   sky faces the viewer
 * - `segmentation`: colours of {@link SEGMENTATION_PALETTE}
 * - `lines`: visible straight edges, white on black, one pixel wide
 * @throws ControlNetError `config` for another name
 */
export const truthMap = (scene: Scene, name: TruthMapName, size: RenderSize = {}): Image =>
  drawTruth(name, size, {
    truth: () => groundTruthOf(scene, size),
    lines: () => linesOf(scene, size),
    palette: SEGMENTATION_PALETTE,
  });

/** What control maps are drawn from; each part is only asked for where it is needed. */
export interface MapSource {
  truth(): GroundTruth;
  lines(): readonly Line[];
  palette: readonly { colour: Vector }[];
}

/** Draws a control map; see {@link truthMap}. */
export function drawTruth(name: TruthMapName, size: RenderSize, source: MapSource): Image {
  const { width = 128, height = 128 } = size;
  const data = new Uint8Array(width * height * 3);
  const image: Image = { data, width, height, channels: 3 };
  switch (name) {
    case "depth": {
      const { depth } = source.truth();
      const nearest = depth.reduce((best, value) => Math.min(best, value), Infinity);
      for (let i = 0; i < depth.length; i++)
        data.fill(Math.round((255 * nearest) / depth[i]!), 3 * i, 3 * i + 3);
      return image;
    }
    case "normal": {
      const { normals } = source.truth();
      for (let i = 0; i < data.length; i += 3) {
        const [x, y, z] = [normals[i]!, normals[i + 1]!, normals[i + 2]!];
        const isSky = x === 0 && y === 0 && z === 0;
        for (const [channel, value] of [-x, y, isSky ? 1 : z].entries())
          data[i + channel] = Math.round(127.5 + 127.5 * value);
      }
      return image;
    }
    case "segmentation": {
      const { segmentation } = source.truth();
      segmentation.forEach((id, i) => {
        data.set(source.palette[id]!.colour, 3 * i);
      });
      return image;
    }
    case "lines":
      for (const { from, to } of source.lines()) {
        const steps = Math.ceil(2 * Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])));
        for (let step = 0; step <= steps; step++) {
          const x = Math.floor(from[0] + ((to[0] - from[0]) * step) / steps);
          const y = Math.floor(from[1] + ((to[1] - from[1]) * step) / steps);
          if (x < width && y < height) data.fill(255, 3 * (y * width + x), 3 * (y * width + x) + 3);
        }
      }
      return image;
    default:
      throw new ControlNetError(
        "config",
        `truthMap: unknown map ${unknownName(name satisfies never, TRUTH_MAPS)}`,
      );
  }
}
