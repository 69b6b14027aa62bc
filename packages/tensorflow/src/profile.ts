import { tidy } from "@tensorflow/tfjs-core";
import { requireEngine } from "./engine.js";

/** What one kind of op cost. */
export interface OpCost {
  op: string;
  count: number;
  milliseconds: number;
}

/**
 * Runs `fn` op by op and adds up what each kind of op took, the dearest first. Functions compiled by `jit` count as
 * one op each; pass the plain function to see inside. What `fn` returns is freed.
 */
export function profileOps(fn: () => unknown): OpCost[] {
  const { backend } = requireEngine("profileOps");
  const binding = backend.binding;
  const costs = new Map<string, OpCost>();
  backend.binding = {
    ...binding,
    executeOp(op, attributes, inputs, outputs) {
      const started = performance.now();
      const result = binding.executeOp(op, attributes, inputs, outputs);
      const cost = costs.get(op) ?? { op, count: 0, milliseconds: 0 };
      costs.set(op, {
        op,
        count: cost.count + 1,
        milliseconds: cost.milliseconds + performance.now() - started,
      });
      return result;
    },
  };
  try {
    tidy(() => void fn());
  } finally {
    backend.binding = binding;
  }
  return [...costs.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
