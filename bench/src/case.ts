import type { JitOptions, TreeFunction } from "@controlnet-js/core";

/** Who computes a case. */
export type Contestant = "ours" | "pytorch" | "op by op" | "wasm" | "plain read";

/** How a function over trees of tensors runs: compiled, or op by op. */
export type Compile = <F extends TreeFunction>(fn: F, options?: Pick<JitOptions, "precision">) => F;

/** One thing to measure; PyTorch's form of it has the same name in `peers/`. */
export interface Case {
  /** For the command line: `sd-unet`. */
  name: string;
  title: string;
  /** Others than `ours` and `pytorch`. */
  others: readonly Exclude<Contestant, "ours" | "pytorch">[];
  /** Timed calls in one process, after `warmUp` untimed ones. */
  calls: number;
  warmUp: number;
  /** Processes of each contestant, in turn. */
  rounds: number;
  /** What ours may take at most of a peer's time, and of its peak memory; absent where nothing is promised. */
  goal?: { peer: Contestant; time: number; memory?: number };
  /** Makes the inputs; what it returns does the work once. */
  setUp(compile: Compile, contestant: Contestant): (() => unknown) | Promise<() => unknown>;
}
