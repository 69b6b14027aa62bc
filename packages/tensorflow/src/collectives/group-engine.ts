import type { Tensor } from "@tensorflow/tfjs-core";
import type { PeerHealth } from "./communicator.js";

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
