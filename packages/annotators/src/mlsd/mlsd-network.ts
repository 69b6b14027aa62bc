import type { TensorSource } from "@controlnet-js/checkpoints";
import { disposeTree, type NetworkLook } from "@controlnet-js/core";
import type { ByteImage, Segment, SegmentNetwork } from "@controlnet-js/preprocessors";
import { div, pad, sub, tidy } from "@tensorflow/tfjs-core";
import { type Opened, opened } from "../opened.js";
import { assertResolution, asTensor, readMaps, sizedPicture } from "../pictures.js";
import { decodeSegments } from "./decode-segments.js";
import { loadMlsd, mlsd } from "./mlsd.js";

/**
 * M-LSD as `mlsdCondition` takes it: up to 200 straight lines in a picture's pixels, the surest first.
 * @param source the weights published as `mlsd_large_512_fp32.pth`
 * @throws ControlNetError `config`, or as {@link loadMlsd}
 */
export function mlsdNetwork(
  source: TensorSource,
  options: NetworkLook = {},
  where = "mlsdNetwork",
): Opened<SegmentNetwork> {
  assertResolution(where, options);
  const params = loadMlsd(source, where);
  const detect = async (
    picture: ByteImage,
    thresholds: { value: number; distance: number },
  ): Promise<Segment[]> => {
    const { image, scaleX, scaleY } = sizedPicture("mlsdNetwork", picture, options);
    const map = tidy(() => {
      const withOnes = pad(
        asTensor(image),
        [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, 1],
        ],
        1,
      );
      return mlsd(params, sub(div(withOnes, 127.5), 1));
    });
    return decodeSegments(await readMaps(map), thresholds).map(({ x1, y1, x2, y2 }) => ({
      x1: x1 * scaleX,
      y1: y1 * scaleY,
      x2: x2 * scaleX,
      y2: y2 * scaleY,
    }));
  };
  return opened(detect, () => disposeTree(params));
}
