/** Measures one case on one of our engines in a process of its own: tsx measure.ts CASE CONTESTANT; prints JSON. */
import { jit, leavesOf, registerJitEngine } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { registerTensorFlow } from "@controlnet-js/tensorflow";
import { dispose } from "@tensorflow/tfjs-core";
import type { Compile, Contestant } from "./case.js";
import { cases } from "./cases/index.js";

const [name, contestant] = process.argv.slice(2);
const found = cases.find((one) => one.name === name);
if (!found) throw new Error(`no case "${name}" (known: ${cases.map((one) => one.name).join(", ")})`);

if (contestant === "wasm") await selectEngine({ engine: "wasm" });
else {
  // Op by op stands for tfjs-node: its kernels, its convolution, nothing compiled, no ops of our own.
  const opByOp = contestant === "op by op";
  await registerTensorFlow({
    device: "cpu",
    convolution: opByOp ? "native" : "measured",
    ownOps: !opByOp,
  });
  await import("@tensorflow/tfjs");
  await registerTensorFlow();
  if (opByOp) registerJitEngine("tensorflow", undefined);
}

const compile: Compile = (fn, options) => jit(fn, { name: found.name, ...options });
const work = await found.setUp(compile, contestant as Contestant);
const milliseconds: number[] = [];
for (let call = 0; call < found.warmUp + found.calls; call++) {
  const start = performance.now();
  const result = await work();
  if (contestant === "wasm" && result) for (const { value } of leavesOf(result)) await value.data();
  const spent = performance.now() - start;
  if (result) dispose(leavesOf(result).map(({ value }) => value));
  if (call >= found.warmUp) milliseconds.push(spent);
}
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ milliseconds, peakBytes })}\n`);
process.exit(0);
