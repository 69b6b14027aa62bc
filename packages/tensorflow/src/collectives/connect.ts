import { hostname } from "node:os";
import { type RegisterOptions, registerTensorFlow } from "../engine.js";
import { TensorFlowError } from "../errors.js";
import type { Cluster } from "./cluster.js";
import type { Communicator } from "./communicator.js";
import { freePort, meet } from "./meeting.js";
import { type Ranks, ranksFromEnvironment } from "./ranks.js";
import { singleProcess } from "./single-process.js";
import { type CommunicatorOptions, tensorFlowCommunicator } from "./tensorflow-communicator.js";

/** How to join a group; the engine's own options apply as well. */
export interface ConnectOptions extends RegisterOptions, CommunicatorOptions {
  /** Default: what the launcher's variables say. */
  ranks?: Ranks;
}

/**
 * Opens TensorFlow as one process of a group and returns the group; without a launcher, a group of one.
 * TensorFlow's server listens on all interfaces without authentication: use it inside a trusted network only.
 * @throws TensorFlowError `aborted` where the others don't come in time
 */
export async function connectGroup(options: ConnectOptions = {}): Promise<Communicator> {
  const { ranks = ranksFromEnvironment(), timeoutSeconds = 300 } = options;
  if (ranks.size === 1) {
    await registerTensorFlow(options);
    return singleProcess();
  }
  const cluster: Cluster = {
    rank: ranks.rank,
    addresses: ranks.addresses ?? (await addressesOf(ranks, timeoutSeconds)),
  };
  await registerTensorFlow({ ...options, cluster });
  return tensorFlowCommunicator({ timeoutSeconds });
}

async function addressesOf(
  { rank, size, meeting, launcher }: Ranks,
  timeoutSeconds: number,
): Promise<string[]> {
  if (!meeting)
    throw new TensorFlowError(
      `connectGroup: ${launcher} gives rank ${rank} of ${size} but no place to meet; set MASTER_ADDR (the host of rank 0, here ${hostname()}) and MASTER_PORT`,
      {},
      "config",
    );
  return await meet(meeting, rank, size, await freePort(), timeoutSeconds);
}
