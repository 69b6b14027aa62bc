export { pngWithText, readPngText } from "./png-text.js";
export {
  isPictureName,
  MAX_SOURCE_PIXELS,
  type ReadImageOptions,
  readImage,
  readImageBytes,
  readImageSize,
} from "./read-image.js";
export { encodePng, writeImage } from "./write-image.js";
