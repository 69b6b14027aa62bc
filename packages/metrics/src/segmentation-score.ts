import type { Image } from "@controlnet-js/core";
import { type Palette, readLabels } from "@controlnet-js/preprocessors";
import { assertSameSize } from "./same-size.js";

/** How well labels agree; each value is in [0, 1]. */
export interface SegmentationScore {
  /** Intersection over union of a class, averaged over the classes that occur. */
  meanIoU: number;
  /** The part of the pixels that have the wanted class. */
  pixelAccuracy: number;
}

/**
 * Counts labels of many pairs of maps, as the field's benchmarks do: unions and intersections are summed over all pictures
 * before they are divided (Long et al., "Fully convolutional networks for semantic segmentation", 2015).
 */
export class SegmentationTally {
  readonly #palette: Palette;
  readonly #common: number[];
  readonly #found: number[];
  readonly #wanted: number[];

  /** @param palette the colours of the classes; each pixel counts as the nearest */
  constructor(palette: Palette) {
    this.#palette = palette;
    const zeros = () => new Array<number>(palette.length).fill(0);
    [this.#common, this.#found, this.#wanted] = [zeros(), zeros(), zeros()];
  }

  /**
   * Counts a pair of maps `[height, width, 3]`.
   * @throws ControlNetError `shape` where the sizes differ
   */
  add(found: Image, wanted: Image): void {
    const pixels = assertSameSize("SegmentationTally", found, wanted);
    const a = readLabels(found, this.#palette).labels;
    const b = readLabels(wanted, this.#palette).labels;
    for (let i = 0; i < pixels; i++) {
      this.#found[a[i]!]!++;
      this.#wanted[b[i]!]!++;
      if (a[i] === b[i]) this.#common[a[i]!]!++;
    }
  }

  /** The figures of all pairs so far; NaN where there are none. */
  score(): SegmentationScore {
    const unions = this.#common.map((common, label) => this.#found[label]! + this.#wanted[label]! - common);
    const ratios = this.#common.flatMap((common, label) =>
      unions[label]! > 0 ? [common / unions[label]!] : [],
    );
    const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    return {
      meanIoU: total(ratios) / ratios.length,
      pixelAccuracy: total(this.#common) / total(this.#wanted),
    };
  }
}
