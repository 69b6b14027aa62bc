import { type JitOptions as CoreJitOptions, type Precision, unknownName } from "@controlnet-js/core";
import { ATTR } from "../dtypes.js";
import { TensorFlowError } from "../errors.js";
import type { OpAttribute } from "../native.js";
import { ProtoWriter } from "../protobuf.js";

/** How a function is recorded and compiled: core's options, and this engine's own. */
export interface JitOptions extends CoreJitOptions {
  /**
   * `"program"` keeps the recorded order, which holds the fewest buffers at once; `"dataflow"` lets the executor
   * start whatever is ready. Default `"program"`.
   */
  order?: "program" | "dataflow";
  /**
   * Records TensorFlow's own ops only, which the graphs of `recordedGraphs` need to run where this addon is not; slower.
   * Default false; so it is with `xla`.
   */
  portable?: boolean;
}

/** The options in the form that a recording needs. */
export interface FunctionSettings {
  name: string;
  attributes: OpAttribute[];
  /** Whether only TensorFlow's own ops may be recorded: others know no more, XLA among them. */
  portable: boolean;
  /** How far the executor may run ahead of the recorded order, in heavy ops. */
  slack: number;
}

const optionNames = ["name", "donate", "xla", "precision", "cacheSize", "order", "portable"];

/**
 * Checks options and brings them into the form that a recording needs.
 * @throws TensorFlowError `config` for an unknown option or value
 */
export function functionSettings(fn: { name: string }, options: JitOptions): FunctionSettings {
  for (const name of Object.keys(options))
    if (!optionNames.includes(name))
      throw new TensorFlowError(`jit: unknown option ${unknownName(name, optionNames)}`, {}, "config");
  const { precision = "float32", order = "program", cacheSize = 16 } = options;
  check("precision", precision, ["float32", "bfloat16", "float16"]);
  check("order", order, ["program", "dataflow"]);
  if (!Number.isInteger(cacheSize) || cacheSize < 1)
    throw new TensorFlowError(`jit: cacheSize must be a positive integer, got ${cacheSize}`, {}, "range");
  const attributes: OpAttribute[] = [
    { name: "config_proto", type: ATTR.string, value: encodeGraphConfig(precision) },
  ];
  if (options.xla) attributes.push({ name: "_XlaMustCompile", type: ATTR.bool, value: true });
  return {
    name: options.name ?? (fn.name || "function"),
    attributes,
    portable: options.portable || options.xla || false,
    slack: order === "program" ? 1 : Number.POSITIVE_INFINITY,
  };
}

function check(option: string, value: string, valid: readonly string[]): void {
  if (!valid.includes(value))
    throw new TensorFlowError(
      `jit: ${option} must be one of ${valid.join(", ")}, got "${value}"`,
      {},
      "config",
    );
}

// Field numbers of tensorflow.ConfigProto, GraphOptions and RewriterConfig. One round of rewriting instead of two, and
// no memory heuristics: recording a training step takes half as long, and what comes out is as fast.
function encodeGraphConfig(precision: Precision): Uint8Array {
  const rewrite = new ProtoWriter().varint(4, 1).varint(12, 1);
  if (precision === "bfloat16") rewrite.varint(31, 1);
  if (precision === "float16") rewrite.varint(23, 1).varint(29, 1);
  return new ProtoWriter().varint(7, true).message(10, new ProtoWriter().message(10, rewrite)).finish();
}
