import { hostname } from "node:os";
import { TensorFlowError } from "../errors.js";
import { type RegisterOptions, registerTensorFlow } from "../register-tensorflow.js";
import { ipOf, isLoopback, parseAddress } from "./addresses.js";
import type { Cluster } from "./cluster.js";
import { type Communicator, singleProcess } from "./communicator.js";
import { tokenVariable } from "./introduction.js";
import { freePort, meet } from "./meeting.js";
import { mpiCommunicator } from "./mpi-communicator.js";
import { startedByMpi } from "./mpi-library.js";
import { type Ranks, ranksFromEnvironment } from "./ranks.js";
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
 * TensorFlow's server gives whoever reaches its port the rights of this process: use a private network. Where all
 * processes are on loopback, it ignores other machines. Processes meet by the token in CONTROLNET_GROUP_TOKEN, if set.
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
    addresses: ranks.addresses ?? (await addressesOf(ranks, timeoutSeconds, options.log)),
  };
  await registerTensorFlow({ ...options, cluster });
  return tensorFlowCommunicator(options);
}

async function addressesOf(
  { rank, size, meeting, launcher }: Ranks,
  timeoutSeconds: number,
  warn: (line: string) => void = (line) => process.emitWarning(line),
): Promise<string[]> {
  if (!meeting)
    throw new TensorFlowError(
      `connectGroup: ${launcher} gives rank ${rank} of ${size} but no place to meet; set MASTER_ADDR (the host of rank 0, here ${hostname()}) and MASTER_PORT`,
      {},
      "config",
    );
  if (rank === 0 && !process.env[tokenVariable]) await warnOfStrangers(meeting, warn);
  return await meet(meeting, rank, size, await freePort(), timeoutSeconds);
}

/** What a group without a token should know about the place where it meets. */
async function warnOfStrangers(meeting: string, warn: (line: string) => void): Promise<void> {
  const { host } = parseAddress(meeting);
  if (isLoopback(host)) return;
  const ip = await ipOf(host).catch(() => host);
  const remedy = `set ${tokenVariable} to the same random text for all processes (openssl rand -hex 32)`;
  if (isLoopback(ip))
    warn(
      `WARNING: ${host} is ${ip} on this machine, so no process of another machine can join; set MASTER_ADDR to this machine's address on the network, or ${remedy}`,
    );
  else
    warn(
      `WARNING: whoever reaches ${meeting} may take a process's place in this group; ${remedy} and use a private network`,
    );
}
