export { type CannyOptions, canny } from "./canny.js";
export { cannyCondition } from "./conditions/canny.js";
export { assertImage, type ByteImage, blankImage, MAX_PIXELS, toGrey, toRgb } from "./image.js";
export type { Aperture } from "./sobel-rows.js";
