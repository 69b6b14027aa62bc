import { type NamedTensor, toFloat32, withDType } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";

/** Half precision's largest number with what still rounds down to it. */
const limit = 65520;

/**
 * The same tensor in half precision; integers stay as they are.
 * @throws ControlNetError `range` when its bytes are read, where a weight is too large for half precision
 */
export function inHalf(tensor: NamedTensor): NamedTensor {
  const half = withDType(tensor, "F16");
  if (half === tensor) return tensor;
  return {
    ...half,
    bytes() {
      for (const value of toFloat32(tensor))
        if (Math.abs(value) >= limit && Number.isFinite(value))
          throw new ControlNetError(
            "range",
            `--half: "${tensor.name}" holds ${value}, and half precision ends at 65504; keep this model in full precision`,
          );
      return half.bytes();
    },
  };
}
