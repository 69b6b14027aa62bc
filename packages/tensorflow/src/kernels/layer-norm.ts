import type { Tensor } from "@tensorflow/tfjs-core";
import { ATTR } from "../dtypes.js";
import { registerOwnOperation, runOwnOp } from "./own-op.js";

/** Core's LayerNorm as one op, and its gradient as one: native/layer-norm.cc. */
export function registerLayerNorm(): void {
  registerOwnOperation({
    name: "LayerNorm",
    forward(backend, { x, scale, bias }, { epsilon }: { epsilon: number }) {
      const statistics = [...x!.shape.slice(0, -1), 1];
      return runOwnOp(
        backend,
        "ControlNetLayerNorm",
        [{ name: "epsilon", type: ATTR.float, value: epsilon }],
        [x!, scale!, bias!],
        [x!.shape, statistics, statistics],
      );
    },
    gradient(backend, upstream, saved) {
      const [x, scale, mean, inverse] = saved as [Tensor, Tensor, Tensor, Tensor];
      const inputs = [x, upstream, scale, mean, inverse];
      const shapes = [x.shape, scale.shape, scale.shape];
      const made = runOwnOp(backend, "ControlNetLayerNormGrad", [], inputs, shapes);
      const [dx, dScale, dBias] = made as [Tensor, Tensor, Tensor];
      return { x: dx, scale: dScale, bias: dBias };
    },
  });
}
