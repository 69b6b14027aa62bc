import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import type { Detector } from "../conditions/detector.js";
import { writeMap } from "../conditions/map-file.js";
import type { MapMade } from "./control-map.js";

/**
 * Keeps the maps that a run makes of pictures, to be written as `map-PLACE.png`, the place that of its `--control`;
 * where there is one, as `map-PLACE-1.png` and so on.
 * @param folder nothing is kept without one
 */
export function keptMaps(folder: string | undefined): {
  keep(place: number): MapMade;
  /** @returns the paths */
  write(): Promise<string[]>;
} {
  const kept: { map: Image; detector: Detector; place: number }[] = [];
  return {
    keep: (place) => (map, detector) => {
      if (folder !== undefined) kept.push({ map, detector, place });
    },
    async write() {
      const paths: string[] = [];
      for (const { map, detector, place } of kept) {
        const pathOf = (n: number) => join(folder!, n === 0 ? `map-${place}.png` : `map-${place}-${n}.png`);
        let n = 0;
        while (!(await writeMap(pathOf(n), map, detector, true))) n++;
        const path = pathOf(n);
        paths.push(path);
      }
      return paths;
    },
  };
}
