import { ControlNetError, type Image } from "@controlnet-js/core";
import { overWhite } from "./alpha.js";
import { type CannyRequest, cannyPlain } from "./canny-plain.js";
import { assertImage, type ByteImage, toRgb } from "./image.js";
import { cannyKernel } from "./kernels/canny-kernel.js";
import type { Aperture } from "./sobel-rows.js";

/** What {@link canny} can be asked. */
export interface CannyOptions {
  /** Gradients above this continue an edge. Default 100. */
  low?: number;
  /** Gradients above this start an edge. Default 200. The two are swapped where reversed, as OpenCV does. */
  high?: number;
  /** Side of the Sobel kernel. Default 3. */
  aperture?: Aperture;
  /** Whether the gradient's size is sqrt(dx^2 + dy^2) rather than |dx| + |dy|. Default false. */
  l2Gradient?: boolean;
}

/** Thresholds beyond it are met by no gradient, or by every one. */
const LIMIT = 2 ** 31 - 1;

/**
 * Canny's edges (Canny, "A computational approach to edge detection", 1986), equal to `cv2.Canny` in every pixel.
 * Where an image has several channels, the one with the largest gradient counts at each pixel.
 * @param image `[height, width, 1, 3 or 4]`, bytes; transparent parts are laid over white
 * @returns `[height, width, 1]`: 255 on an edge, else 0
 * @throws ControlNetError `shape` for another layout, `range` for thresholds that are not finite or another aperture
 */
export function canny(image: Image, options: CannyOptions = {}): ByteImage {
  const request = cannyRequest(image, options);
  const picture = opaque(image);
  return cannyKernel(picture, request) ?? cannyPlain(picture, request);
}

/** {@link canny} in three equal channels, as a ControlNet takes it. */
export function cannyRgb(image: Image, options: CannyOptions = {}): ByteImage {
  const request = cannyRequest(image, options);
  const picture = opaque(image);
  return cannyKernel(picture, request, 3) ?? toRgb(cannyPlain(picture, request));
}

const opaque = (image: Image): ByteImage => (image.channels === 4 ? overWhite(image) : image);

function cannyRequest(image: Image, options: CannyOptions): CannyRequest {
  assertImage("canny", image, [1, 3, 4]);
  const { aperture = 3, l2Gradient = false } = options;
  if (aperture !== 3 && aperture !== 5 && aperture !== 7)
    throw new ControlNetError("range", `canny: expected an aperture of 3, 5 or 7, got ${aperture}`);
  const [low, high] = thresholds(options.low ?? 100, options.high ?? 200, aperture, l2Gradient);
  return { low, high, aperture, l2Gradient };
}

function thresholds(low: number, high: number, aperture: Aperture, l2Gradient: boolean): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high))
    throw new ControlNetError("range", `canny: expected finite thresholds, got low ${low} and high ${high}`);
  const scale = aperture === 7 ? 1 / 16 : 1;
  const bounds = [Math.min(low, high) * scale, Math.max(low, high) * scale].map((bound) => {
    if (!l2Gradient) return Math.max(-LIMIT, Math.min(LIMIT, Math.floor(bound)));
    const limited = Math.min(32767, bound);
    return Math.floor(limited > 0 ? limited * limited : limited);
  });
  return [bounds[0]!, bounds[1]!];
}
