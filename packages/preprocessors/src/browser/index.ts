export { type ReadImageOptions, readImage } from "./read-image.js";
