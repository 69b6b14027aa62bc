import type { Tensor } from "@tensorflow/tfjs-core";

/** Whether a process of the group answers. */
export type PeerHealth = "alive" | "dead" | "unresponsive";

/**
 * A group of processes that compute together. Every process calls the same operations in the same order. An
 * operation that fails, on any process, leaves the group unusable: exit, and start all again from a checkpoint.
 */
export interface Communicator {
  /** This process, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** The sum over all processes of each tensor, the same bits everywhere. The caller disposes both. */
  allReduce(tensors: readonly Tensor[]): Promise<Tensor[]>;
  /** The tensor of process `root` on all processes; shapes and dtypes agree everywhere. */
  broadcast(tensors: readonly Tensor[], root?: number): Promise<Tensor[]>;
  /** Resolves once every process has called it. */
  barrier(): Promise<void>;
  /** Makes every operation that waits on this process fail at once. */
  abort(reason: string): void;
  /** Asks another process whether it is there. A process that computes but does not progress counts as alive. */
  health(rank: number, timeoutSeconds?: number): Promise<PeerHealth>;
}
