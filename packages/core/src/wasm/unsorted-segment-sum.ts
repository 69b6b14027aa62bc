import { cast, type KernelFunc, reshape, scatterND, type TensorInfo, tidy } from "@tensorflow/tfjs-core";
import { attributesOf, sizeOf, tensorsOf } from "./kernel-arguments.js";

/** Sums rows of `x` into the segments that `segmentIds` names: the gradient of gather, which tfjs-backend-wasm lacks. */
export const unsortedSegmentSum: KernelFunc = ({ inputs, attrs }) => {
  const { x, segmentIds } = tensorsOf(inputs, "x", "segmentIds");
  const { numSegments } = attributesOf<{ numSegments: number }>(attrs);
  const width = sizeOf(x.shape.slice(1));
  return tidy(() => {
    const rows = reshape(x, [x.shape[0]!, width]);
    const ids = reshape(cast(segmentIds, "int32"), [x.shape[0]!, 1]);
    return reshape(scatterND(ids, rows, [numSegments, width]), [numSegments, ...x.shape.slice(1)]);
  }) as TensorInfo;
};
