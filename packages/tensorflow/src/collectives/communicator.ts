import { clone, type Tensor } from "@tensorflow/tfjs-core";

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

/** A group of one: what runs on several processes runs on one without another code path. */
export function singleProcess(): Communicator {
  const same = async (tensors: readonly Tensor[]): Promise<Tensor[]> =>
    tensors.map((tensor) => clone(tensor));
  return {
    rank: 0,
    size: 1,
    allReduce: same,
    broadcast: same,
    barrier: async () => {},
    abort: () => {},
    health: async () => "alive",
  };
}

/** Collective operations as one library offers them, without looking after one another. */
export interface GroupEngine {
  readonly rank: number;
  readonly size: number;
  /** The sum over all processes; off the JavaScript thread. */
  reduce(tensor: Tensor): Promise<Tensor>;
  /** The tensor of process `root`. */
  broadcast(tensor: Tensor, root: number): Promise<Tensor>;
  barrier(): Promise<void>;
  /** Called once, when the group has failed: unblocks what can be unblocked. */
  abort(reason: string): void;
  /** Asks a process other than this one. */
  health(rank: number, timeoutSeconds: number): Promise<PeerHealth>;
}
