import type { ModelFamily } from "./identify.js";

/** The lines of models that are recognised but not built, by their short names. */
export const refusedFamilies: ReadonlyMap<ModelFamily, string> = new Map([
  ["sd2-unclip", "unCLIP"],
  ["sdxl", "Stable Diffusion XL"],
  ["sdxl-refiner", "Stable Diffusion XL"],
]);
