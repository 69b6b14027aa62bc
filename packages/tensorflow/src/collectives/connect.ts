import { hostname } from "node:os";
import { type RegisterOptions, registerTensorFlow } from "../engine.js";
import { TensorFlowError } from "../errors.js";
import type { Cluster } from "./cluster.js";
import type { Communicator } from "./communicator.js";
import { freePort, meet } from "./meeting.js";
import { mpiCommunicator } from "./mpi-communicator.js";
import { startedByMpi } from "./mpi-library.js";
import { type Ranks, ranksFromEnvironment } from "./ranks.js";
import { singleProcess } from "./single-process.js";
import { tensorFlowCommunicator } from "./tensorflow-communicator.js";
import type { CommunicatorOptions } from "./watched-group.js";

/** How to join a group; the engine's own options apply as well. */
export interface ConnectOptions extends RegisterOptions, CommunicatorOptions {
  /** Default: what the launcher's variables say. */
  ranks?: Ranks;
  /**
   * `"mpi"`: the cluster's own MPI library; `"tensorflow"`: NCCL between GPUs, a gRPC ring between CPUs. Default: MPI
   * where `mpirun` or `srun` started the processes and no GPU is asked for, TensorFlow elsewhere.
   */
  collectives?: "mpi" | "tensorflow";
}

/**
 * Opens TensorFlow as one process of a group and returns the group; without a launcher, a group of one.
 * TensorFlow's server listens on all interfaces without authentication: use it inside a trusted network only.
 * @throws TensorFlowError `aborted` where the others don't come in time, `config` where the launcher's variables don't
 * make sense, `missing` where there is no MPI library
 */
export async function connectGroup(options: ConnectOptions = {}): Promise<Communicator> {
  const { ranks = ranksFromEnvironment(), timeoutSeconds = 300 } = options;
  const { collectives = startedByMpi(ranks.launcher) && options.device !== "gpu" ? "mpi" : "tensorflow" } =
    options;
  if (ranks.size === 1) {
    await registerTensorFlow(options);
    return singleProcess();
  }
  if (collectives === "mpi") {
    await registerTensorFlow(options);
    return await mpiCommunicator({ ...options, ranks });
  }
  const cluster: Cluster = {
    rank: ranks.rank,
    addresses: ranks.addresses ?? (await addressesOf(ranks, timeoutSeconds)),
  };
  await registerTensorFlow({ ...options, cluster });
  return tensorFlowCommunicator(options);
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
