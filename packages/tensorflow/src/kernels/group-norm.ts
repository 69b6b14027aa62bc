import type { Tensor } from "@tensorflow/tfjs-core";
import { ATTR } from "../dtypes.js";
import { registerOwnOperation, runOwnOp } from "./own-op.js";

/** Core's GroupNorm as one op, and its gradient as one: native/group-norm.cc. */
export function registerGroupNorm(): void {
  registerOwnOperation({
    name: "GroupNorm",
    forward(backend, { x, scale, bias }, { groups, epsilon }: { groups: number; epsilon: number }) {
      const statistics = [x!.shape[0]!, 1, x!.shape.at(-1)!];
      const attributes = [
        { name: "groups", type: ATTR.int, value: groups },
        { name: "epsilon", type: ATTR.float, value: epsilon },
      ];
      const shapes = [x!.shape, statistics, statistics];
      return runOwnOp(backend, "ControlNetGroupNorm", attributes, [x!, scale!, bias!], shapes);
    },
    gradient(backend, upstream, saved, { groups }: { groups: number }) {
      const [x, scale, mean, inverse] = saved as [Tensor, Tensor, Tensor, Tensor];
      const [dx, dScale, dBias] = runOwnOp(
        backend,
        "ControlNetGroupNormGrad",
        [{ name: "groups", type: ATTR.int, value: groups }],
        [x, upstream, scale, mean, inverse],
        [x.shape, scale.shape, scale.shape],
      ) as [Tensor, Tensor, Tensor];
      return { x: dx, scale: dScale, bias: dBias };
    },
  });
}
