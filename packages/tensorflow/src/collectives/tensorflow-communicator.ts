import type { Tensor } from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import { type OpenEngine, requireEngine } from "../engine.js";
import { asTensorFlowError, TensorFlowError } from "../errors.js";
import type { OpAttribute } from "../native.js";
import { taskName } from "./cluster.js";
import type { Communicator, PeerHealth } from "./communicator.js";

/** How long an operation may wait for the others. */
export interface CommunicatorOptions {
  /** After this many seconds without the others, an operation fails. Default 300. */
  timeoutSeconds?: number;
  /** While an operation waits, a neighbour is asked this often whether it lives. Default 5. */
  watchSeconds?: number;
}

const groupKey = 1;

/**
 * The group that `registerTensorFlow({ cluster })` joined, over TensorFlow's collective runtime: NCCL between GPUs,
 * its gRPC ring elsewhere. Operations run off the JavaScript thread, one after the other.
 * @throws TensorFlowError `state` where no cluster was joined
 */
export function tensorFlowCommunicator({
  timeoutSeconds = 300,
  watchSeconds = 5,
}: CommunicatorOptions = {}): Communicator {
  const open = requireEngine("tensorFlowCommunicator");
  const { cluster } = open;
  if (!cluster)
    throw new TensorFlowError("tensorFlowCommunicator: register with { cluster } first", {}, "state");
  const { rank } = cluster;
  const size = cluster.addresses.length;
  const run = new CollectiveRunner(open, size, timeoutSeconds, new Watch(open, rank, size, watchSeconds));
  const each = async (
    tensors: readonly Tensor[],
    op: (tensor: Tensor) => Promise<Tensor>,
  ): Promise<Tensor[]> => {
    const results: Tensor[] = [];
    for (const tensor of tensors) results.push(await op(tensor));
    return results;
  };
  return {
    rank,
    size,
    allReduce: (tensors) => each(tensors, (tensor) => run.reduce(tensor)),
    broadcast: (tensors, root = 0) => each(tensors, (tensor) => run.broadcast(tensor, root === rank, root)),
    async barrier() {
      await run.barrier();
    },
    abort: (reason) => open.native.abortCollectives(reason),
    async health(peer, seconds = 10): Promise<PeerHealth> {
      if (peer === rank) return "alive";
      const code = await open.native.checkPeer(taskName(peer), seconds * 1000);
      return code === 0 ? "alive" : code === 4 ? "unresponsive" : "dead";
    },
  };
}

/**
 * Looks after an operation that waits. TensorFlow itself notices a lost process only when data was on its way to or
 * from it; one that dies before would be waited for until the time-out.
 */
class Watch {
  private readonly peers: number[];

  constructor(
    private readonly open: OpenEngine,
    rank: number,
    size: number,
    private readonly seconds: number,
  ) {
    // Everyone watches the next one and the leader: whoever notices a loss aborts, exits and is noticed in turn.
    this.peers = [...new Set([0, (rank + 1) % size])].filter((peer) => peer !== rank);
  }

  async during<T>(operation: Promise<T>): Promise<T> {
    let over = false;
    const settled = operation.finally(() => {
      over = true;
    });
    const timer = setInterval(() => void this.look(() => over), this.seconds * 1000);
    try {
      return await settled;
    } finally {
      clearInterval(timer);
    }
  }

  private async look(over: () => boolean): Promise<void> {
    const { native } = this.open;
    for (const peer of this.peers) {
      if (over()) return;
      const code = await native.checkPeer(taskName(peer), this.seconds * 1000);
      if (code !== 0 && code !== 4 && !over()) native.abortCollectives(`process ${peer} is gone`);
    }
  }
}

/** Issues one collective at a time; TensorFlow's ring deadlocks when processes issue several in different orders. */
class CollectiveRunner {
  private last: Promise<unknown> = Promise.resolve();
  // TensorFlow binds an instance key to one shape and dtype. All processes meet shapes in the same order.
  private readonly keys = new Map<string, number>();
  private failed: Error | undefined;

  constructor(
    private readonly open: OpenEngine,
    private readonly size: number,
    private readonly timeoutSeconds: number,
    private readonly watch: Watch,
  ) {}

  reduce(tensor: Tensor): Promise<Tensor> {
    const attributes = [
      text("merge_op", "Add"),
      text("final_op", "Id"),
      { name: "Nordering_token", type: ATTR.int, value: 0 },
    ];
    return this.issue("CollectiveReduceV2", "all-reduce", tensor, attributes, true, "sum");
  }

  broadcast(tensor: Tensor, sends: boolean, root: number): Promise<Tensor> {
    if (sends) return this.issue("CollectiveBcastSendV2", "broadcast", tensor, [], true, `from ${root}`);
    return this.issue("CollectiveBcastRecvV2", "broadcast", tensor, [], false, `from ${root}`);
  }

  async barrier(): Promise<void> {
    const { native, backend } = this.open;
    const one = backend.createOutputTensor({
      id: native.createTensor([1], DT.float32, Float32Array.of(1)),
      shape: [1],
      dtype: DT.float32,
    }) as Tensor;
    try {
      (await this.reduce(one)).dispose();
    } finally {
      one.dispose();
    }
  }

  private issue(
    op: string,
    what: string,
    tensor: Tensor,
    attributes: OpAttribute[],
    sends: boolean,
    kind: string,
  ): Promise<Tensor> {
    const done = this.last.then(() => this.runNow(op, what, tensor, attributes, sends, kind));
    this.last = done.catch(() => {});
    return done;
  }

  private async runNow(
    op: string,
    what: string,
    tensor: Tensor,
    attributes: OpAttribute[],
    sends: boolean,
    kind: string,
  ): Promise<Tensor> {
    if (this.failed)
      throw new TensorFlowError(
        `${what}: an earlier operation of this group failed: ${this.failed.message}`,
        { op },
        "aborted",
      );
    // TensorFlow ends the process on an empty tensor and on a dtype it has no reduction for.
    if (tensor.size === 0 || (tensor.dtype !== "float32" && tensor.dtype !== "int32"))
      throw new TensorFlowError(
        `${what}: expected a float32 or int32 tensor with elements, got ${tensor.dtype}[${tensor.shape}]`,
        { op },
        "unsupported",
      );
    const { native, backend } = this.open;
    const dtype = DT[tensor.dtype];
    const owned: number[] = [];
    const scalar = (value: number): number => {
      const id = native.createTensor([], DT.int32, Int32Array.of(value));
      owned.push(id);
      return id;
    };
    const keys = [
      scalar(this.size),
      scalar(groupKey),
      scalar(this.keyFor(`${kind} ${tensor.dtype} ${tensor.shape}`)),
    ];
    let first: number;
    if (sends) [first] = this.open.backend.getInputTensorIds([tensor]) as [number];
    else {
      first = native.createTensor([tensor.rank], DT.int32, Int32Array.from(tensor.shape));
      owned.push(first);
    }
    try {
      const all: OpAttribute[] = [
        { name: "T", type: ATTR.type, value: dtype },
        { name: "timeout_seconds", type: ATTR.float, value: this.timeoutSeconds },
        ...attributes,
        ...(sends ? [] : [{ name: "Tshape", type: ATTR.type, value: DT.int32 }]),
      ];
      // The receiver takes the shape last, the others their tensor first.
      const inputs = sends ? [first, ...keys] : [...keys, first];
      const [made] = await this.watch.during(native.executeOpAsync(op, all, inputs, 1));
      return backend.createOutputTensor(made!) as Tensor;
    } catch (error) {
      const typed = asTensorFlowError(
        error,
        `${what} of ${tensor.dtype}[${tensor.shape}] over ${this.size} processes`,
        op,
      );
      this.failed = typed as Error;
      const status = (error as { tfCode?: number }).tfCode;
      if (typed instanceof TensorFlowError)
        throw new TensorFlowError(typed.message, { op, status, cause: error }, "aborted");
      throw typed;
    } finally {
      for (const id of owned) native.deleteTensor(id);
    }
  }

  private keyFor(signature: string): number {
    let key = this.keys.get(signature);
    if (key === undefined) this.keys.set(signature, (key = this.keys.size + 1));
    return key;
  }
}

const text = (name: string, value: string): OpAttribute => ({ name, type: ATTR.string, value });
