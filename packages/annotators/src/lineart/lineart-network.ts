import type { TensorSource } from "@controlnet-js/checkpoints";
import { disposeTree, type Image, type NetworkLook } from "@controlnet-js/core";
import type { ByteImage, EdgeNetwork } from "@controlnet-js/preprocessors";
import { div, sub, tidy } from "@tensorflow/tfjs-core";
import { type Opened, opened } from "../opened.js";
import { assertResolution, asTensor, readMaps, sizedPicture } from "../pictures.js";
import { lineart, loadLineart } from "./generator.js";

/**
 * The line art generator as `lineartCondition` takes it: lines in [0, 1], bright on dark, of a picture's size.
 * @param source the weights published as `sk_model.pth`, or `sk_model2.pth` for coarse lines
 * @throws ControlNetError `config`, or as {@link loadLineart}
 */
export function lineartNetwork(
  source: TensorSource,
  options: NetworkLook = {},
  where = "lineartNetwork",
): Opened<EdgeNetwork> {
  assertResolution(where, options);
  const params = loadLineart(source, where);
  const detect = async (picture: ByteImage): Promise<Image<Float32Array>> => {
    const { image, restore } = sizedPicture("lineartNetwork", picture, options);
    return restore(await readMaps(tidy(() => sub(1, lineart(params, div(asTensor(image), 255))))));
  };
  return opened(detect, () => disposeTree(params));
}
