import type { Tensor } from "@tensorflow/tfjs-core";
import { ATTR } from "../dtypes.js";
import { registerOwnOperation, runOwnOp } from "./own-op.js";

/** Core's Attention as one op, and its gradient as one: native/attention.cc. */
export function registerAttention(): void {
  const attributes = (scale: number) => [{ name: "scale", type: ATTR.float, value: scale }];
  registerOwnOperation({
    name: "Attention",
    forward(backend, { query, key, value }, { scale }: { scale: number }) {
      const inputs = [query!, key!, value!];
      const shape = [...query!.shape.slice(0, 2), value!.shape[2]!];
      return runOwnOp(backend, "ControlNetAttention", attributes(scale), inputs, [shape]);
    },
    gradient(backend, upstream, saved, { scale }: { scale: number }) {
      const shapes = saved.slice(0, 3).map(({ shape }) => shape);
      const made = runOwnOp(
        backend,
        "ControlNetAttentionGrad",
        attributes(scale),
        [...saved, upstream],
        shapes,
      );
      const [dQuery, dKey, dValue] = made as [Tensor, Tensor, Tensor];
      return { query: dQuery, key: dKey, value: dValue };
    },
  });
}
