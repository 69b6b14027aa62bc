import type { TensorSource } from "@controlnet-js/checkpoints";
import { disposeTree, type Image, type NetworkLook } from "@controlnet-js/core";
import { type ByteImage, type EdgeNetwork, resizePlane } from "@controlnet-js/preprocessors";
import { tidy } from "@tensorflow/tfjs-core";
import { type Opened, opened } from "../opened.js";
import { assertResolution, asTensor, readMaps, sizedPicture } from "../pictures.js";
import { hed, loadHed } from "./hed.js";

/**
 * HED as `hedCondition` takes it: edge probabilities of a picture's size. The side outputs are enlarged to the size at which
 * the network looks, their mean goes through a sigmoid (controlnet_aux `hed`).
 * @param source the weights published as `ControlNetHED.pth`
 * @throws ControlNetError `config`, or as {@link loadHed}
 */
export function hedNetwork(
  source: TensorSource,
  options: NetworkLook = {},
  where = "hedNetwork",
): Opened<EdgeNetwork> {
  assertResolution(where, options);
  const params = loadHed(source, where);
  const detect = async (picture: ByteImage): Promise<Image<Float32Array>> => {
    const { image, restore } = sizedPicture("hedNetwork", picture, options);
    const sides = await Promise.all(tidy(() => hed(params, asTensor(image))).map(readMaps));
    return restore(meanProbability(sides, image.width, image.height));
  };
  return opened(detect, () => disposeTree(params));
}

function meanProbability(
  sides: readonly Image<Float32Array>[],
  width: number,
  height: number,
): Image<Float32Array> {
  const data = new Float32Array(width * height);
  for (const side of sides) {
    const large = side.width === width ? side : resizePlane(side, width, height, "bilinear");
    for (let i = 0; i < data.length; i++) data[i]! += large.data[i]!;
  }
  for (let i = 0; i < data.length; i++) data[i] = 1 / (1 + Math.exp(-data[i]! / sides.length));
  return { data, width, height, channels: 1 };
}
