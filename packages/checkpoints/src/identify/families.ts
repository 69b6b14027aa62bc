/** The line of models that a file belongs to. `custom` has other sizes than the published ones. */
export type ModelFamily = "sd1" | "sd2" | "sd2-unclip" | "sdxl" | "sdxl-refiner" | "custom";

/** What a sentence for a person calls them. */
export const familyTitles: Record<ModelFamily, string> = {
  sd1: "Stable Diffusion 1.x",
  sd2: "Stable Diffusion 2.x",
  "sd2-unclip": "Stable Diffusion 2.1 unCLIP, which takes the features of a picture",
  sdxl: "Stable Diffusion XL",
  "sdxl-refiner": "Stable Diffusion XL's refiner",
  custom: "a model of its own size",
};

/** The lines of models that are recognised but not built, by their short names. */
export const refusedFamilies: ReadonlyMap<ModelFamily, string> = new Map([
  ["sd2-unclip", "unCLIP"],
  ["sdxl", "Stable Diffusion XL"],
  ["sdxl-refiner", "Stable Diffusion XL"],
]);
