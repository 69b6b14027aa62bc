import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tensor } from "@tensorflow/tfjs-core";
import { DT } from "../dtypes.js";
import { type OpenEngine, requireEngine } from "../engine.js";
import { asTensorFlowError, TensorFlowError } from "../errors.js";
import type { TensorMetadata } from "../native.js";
import type { Communicator, GroupEngine, PeerHealth } from "./communicator.js";
import { askHeartbeat } from "./heartbeat.js";
import { mpiLibraryNames } from "./mpi-library.js";
import { withNativeInput } from "./native-input.js";
import { type Ranks, ranksFromEnvironment } from "./ranks.js";
import { type CommunicatorOptions, watchedGroup } from "./watched-group.js";

/** How to join by MPI. */
export interface MpiOptions extends CommunicatorOptions {
  /** What the launcher says; MPI must agree. Default: what its variables say. */
  ranks?: Ranks;
}

/**
 * The group of an `mpirun` or `srun`, over the cluster's own MPI library, which is opened at run time: Open MPI, MPICH
 * and its relatives, or any library of the MPI 5 ABI. Operations run on a thread of their own. MPI cannot ask a process
 * whether it lives, so each one also answers on a TCP port, on all interfaces, with one byte and nothing else.
 * @throws TensorFlowError `missing` where no MPI library opens, `config` where library and launcher disagree,
 * `aborted` where the others don't come in time
 */
export async function mpiCommunicator(options: MpiOptions = {}): Promise<Communicator> {
  const { ranks = ranksFromEnvironment(), timeoutSeconds = 300 } = options;
  const open = requireEngine("mpiCommunicator");
  const { rank, size, library } = await join(open, ranks, timeoutSeconds);
  if (rank !== ranks.rank || size !== ranks.size)
    throw new TensorFlowError(
      `mpiCommunicator: ${library} says process ${rank} of ${size}, but ${ranks.launcher} says ${ranks.rank} of ${ranks.size}; name the library that belongs to the launcher in CONTROLNET_MPI`,
      {},
      "config",
    );
  const group = new MpiGroup(open, rank, size);
  const communicator = watchedGroup(group, options);
  // By this signal MPICH's launcher tells the others that a process has ended; unheard, it opens Node's debugger.
  if (ranks.launcher === "PMI")
    process.on("SIGUSR1", () => communicator.abort("the launcher says that a process has ended"));
  // Ending MPI waits for the others. A process that failed leaves at once, so that the launcher ends them all.
  process.once("exit", (code) => {
    if (code === 0) group.leave(timeoutSeconds);
  });
  await group.exchangeAddresses(communicator);
  return communicator;
}

async function join(open: OpenEngine, { launcher }: Ranks, timeoutSeconds: number) {
  const late = new AbortController();
  const timeout = sleep(timeoutSeconds * 1000, undefined, { signal: late.signal }).then(() => {
    open.native.mpiAbandon();
    throw new TensorFlowError(`mpiCommunicator: MPI_Init took more than ${timeoutSeconds} s`, {}, "aborted");
  });
  try {
    return await Promise.race([open.native.mpiJoin(mpiLibraryNames(launcher)), timeout]);
  } catch (error) {
    if ((error as { tfCode?: number }).tfCode === 5)
      throw new TensorFlowError(
        `mpiCommunicator: ${(error as Error).message}\nLoad the cluster's MPI module, or name its library in CONTROLNET_MPI`,
        { cause: error },
        "missing",
      );
    throw asTensorFlowError(error, "mpiCommunicator");
  } finally {
    late.abort();
    timeout.catch(() => {});
  }
}

/** Characters kept of a host name. */
const hostBytes = 255;

class MpiGroup implements GroupEngine {
  private addresses: { host: string; port: number }[] = [];
  private healthy = true;

  constructor(
    private readonly open: OpenEngine,
    readonly rank: number,
    readonly size: number,
  ) {}

  reduce(tensor: Tensor): Promise<Tensor> {
    return this.run(tensor, (id) => this.open.native.mpiSum(id));
  }

  broadcast(tensor: Tensor, root: number): Promise<Tensor> {
    return this.run(tensor, (id) => this.open.native.mpiBroadcast(id, root));
  }

  barrier(): Promise<void> {
    return this.open.native.mpiBarrier();
  }

  abort(): void {
    // MPI has no way to call an operation off. Its thread waits on; the process may end nevertheless.
    this.healthy = false;
    this.open.native.mpiAbandon();
  }

  async health(rank: number, timeoutSeconds: number): Promise<PeerHealth> {
    const address = this.addresses[rank];
    return address ? await askHeartbeat(address.host, address.port, timeoutSeconds) : "unresponsive";
  }

  /** Tells all where this process answers: a sum over tables that are zero but for the own row. */
  async exchangeAddresses({ allReduce }: Communicator): Promise<void> {
    const { native, backend } = this.open;
    const shape = [this.size, hostBytes + 1];
    const rows = new Int32Array(this.size * (hostBytes + 1));
    const own = this.rank * (hostBytes + 1);
    rows[own] = native.startHeartbeat();
    rows.set(Buffer.from(hostname()).subarray(0, hostBytes), own + 1);
    const id = native.createTensor(shape, DT.int32, rows);
    const table = backend.createOutputTensor({ id, shape, dtype: DT.int32 }) as Tensor;
    try {
      const [all] = await allReduce([table]);
      const values = all!.dataSync();
      all!.dispose();
      this.addresses = Array.from({ length: this.size }, (_, rank) => {
        const [port, ...name] = values.slice(rank * (hostBytes + 1), (rank + 1) * (hostBytes + 1));
        const host = Buffer.from(name.slice(0, name.indexOf(0))).toString();
        return { host: host === hostname() ? "localhost" : host, port: port! };
      });
    } finally {
      table.dispose();
    }
  }

  /** Ends MPI, which waits for the others; after a failure there is nobody to wait for. */
  leave(timeoutSeconds: number): void {
    if (this.healthy) this.open.native.mpiLeave(timeoutSeconds * 1000);
  }

  private async run(tensor: Tensor, operation: (id: number) => Promise<TensorMetadata>): Promise<Tensor> {
    const made = await withNativeInput(this.open, tensor, operation);
    return this.open.backend.createOutputTensor(made) as Tensor;
  }
}
