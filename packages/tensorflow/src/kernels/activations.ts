import type { Tensor } from "@tensorflow/tfjs-core";
import { registerOwnOperation, runOwnOp } from "./own-op.js";

/** Core's activations as one op each, and their gradients as one: native/activations.cc. */
export function registerActivations(): void {
  for (const name of ["SiLU", "GELU", "QuickGELU", "GEGLU"])
    registerOwnOperation({
      name,
      forward(backend, { x }) {
        const shape = name === "GEGLU" ? [...x!.shape.slice(0, -1), x!.shape.at(-1)! / 2] : x!.shape;
        return runOwnOp(backend, `ControlNet${name}`, [], [x!], [shape]);
      },
      gradient(backend, upstream, saved) {
        const x = saved[0]!;
        const [dx] = runOwnOp(backend, `ControlNet${name}Grad`, [], [x, upstream], [x.shape]) as [Tensor];
        return { x: dx };
      },
    });
}
