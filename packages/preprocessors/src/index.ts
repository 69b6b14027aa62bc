// Images
export { fromSixteenBits, overWhite } from "./alpha.js";
// Edges and lines
export { type CannyOptions, canny } from "./canny.js";
export { assertMap, checkMap, isLineMap, type MapFinding } from "./check-map.js";
// Conditions
export { builtInConditions, type ConditionName, findCondition } from "./conditions/built-in.js";
export { cannyCondition, oneChannelMap } from "./conditions/canny-condition.js";
export {
  hedCondition,
  houghCondition,
  lineartCondition,
  mlsdCondition,
  scribbleCondition,
  softedgeCondition,
} from "./conditions/line-conditions.js";
export {
  type DepthNetwork,
  type EdgeNetwork,
  type PoseNetwork,
  type PublishedNetworks,
  publishedNetworks,
  type SegmentationNetwork,
  type SegmentNetwork,
} from "./conditions/networks.js";
export {
  colourCondition,
  inpaintCondition,
  shuffleCondition,
  tileCondition,
} from "./conditions/picture-conditions.js";
export {
  depthCondition,
  normalCondition,
  poseCondition,
  segmentationCondition,
} from "./conditions/scene-conditions.js";
// Files
export { type EncodeLinesOptions, encodeLines } from "./encode-lines.js";
export {
  crop,
  fitImage,
  padToMultiple,
  type ResizeMode,
  resizeToResolution,
  resizeWithPadding,
  sizeAtResolution,
} from "./fit.js";
export { gaussianBlur, gaussianBlurFloat, toFloat } from "./gaussian-blur.js";
export { type HoughLinesOptions, houghLines, type PolarLine } from "./hough-lines.js";
export { type HoughSegmentsOptions, houghSegments, type Segment } from "./hough-segments.js";
export { assertImage, type ByteImage, blankImage, MAX_PIXELS, toGrey, toRgb } from "./image.js";
export { type ImageHeader, readImageHeader } from "./image-header.js";
export { binary, invert, otsuThreshold } from "./maps/binary.js";
// Depth, normals and classes
export { assertDepth, colourDepth, depthMap } from "./maps/depth.js";
export { drawSegments } from "./maps/draw-segments.js";
// Maps that are pictures
export { inpaintMap } from "./maps/inpaint.js";
export { lineartStandard } from "./maps/lineart-standard.js";
export { type NormalOptions, normalFromDepth } from "./maps/normal-from-depth.js";
export { ADE20K_PALETTE, COCO_PALETTE, type Palette } from "./maps/palettes.js";
export { recolour } from "./maps/recolour.js";
export { fakeScribble, scribble, scribbleXdog } from "./maps/scribble.js";
export { colourLabels, type LabelMap, readLabels } from "./maps/segmentation.js";
export { remap, shuffle, smoothNoise } from "./maps/shuffle.js";
export { softEdges } from "./maps/soft-edges.js";
export { stack } from "./maps/stack.js";
export { colourGrid, tile, tileResample } from "./maps/tile.js";
// Poses
export { type Skeleton, toOpenPose } from "./pose/convert-skeleton.js";
export { assertPerson, type DrawPosesOptions, drawPoses } from "./pose/draw-poses.js";
export {
  BODY_COLOURS,
  BODY_JOINTS,
  BODY_LIMBS,
  type BodyJoint,
  HAND_BONES,
  KEYPOINT_COUNTS,
  type Keypoint,
  type Keypoints,
  type Person,
  type PoseScene,
} from "./pose/pose.js";
export { type OpenPoseJson, readPoseJson, writePoseJson } from "./pose/pose-json.js";
export { resize, resizePlane } from "./resize.js";
export type { Interpolation } from "./resize-taps.js";
export { roundHalfEven } from "./round-half-even.js";
export type { Aperture } from "./sobel-rows.js";
