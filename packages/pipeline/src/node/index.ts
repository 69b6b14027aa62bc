export type {
  ImageMaker,
  ImageRequest,
  MapMaker,
  MapRequest,
  MaskMaker,
  PictureSize,
  SampleControl,
  SampleOptions,
} from "./sample/sample-options.js";
export { samplePictures } from "./sample/sample-pictures.js";
