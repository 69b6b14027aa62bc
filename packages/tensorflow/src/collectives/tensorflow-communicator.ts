import type { Tensor } from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import { type OpenEngine, requireEngine } from "../engine.js";
import { TensorFlowError } from "../errors.js";
import type { OpAttribute } from "../native.js";
import { type Cluster, taskName } from "./cluster.js";
import type { Communicator, GroupEngine, PeerHealth } from "./communicator.js";
import { withNativeInput } from "./native-input.js";
import { type CommunicatorOptions, watchedGroup } from "./watched-group.js";

/**
 * The group that `registerTensorFlow({ cluster })` joined, over TensorFlow's collective runtime: NCCL between GPUs,
 * its gRPC ring elsewhere. Operations run off the JavaScript thread, one after the other.
 * @throws TensorFlowError `state` where no cluster was joined
 */
export function tensorFlowCommunicator(options: CommunicatorOptions = {}): Communicator {
  const open = requireEngine("tensorFlowCommunicator");
  if (!open.cluster)
    throw new TensorFlowError("tensorFlowCommunicator: register with { cluster } first", {}, "state");
  return watchedGroup(new TensorFlowGroup(open, open.cluster, options.timeoutSeconds ?? 300), options);
}

const groupKey = 1;

class TensorFlowGroup implements GroupEngine {
  readonly rank: number;
  readonly size: number;
  // TensorFlow binds an instance key to one shape and dtype. All processes meet shapes in the same order.
  private readonly keys = new Map<string, number>();

  constructor(
    private readonly open: OpenEngine,
    { rank, addresses }: Cluster,
    private readonly timeoutSeconds: number,
  ) {
    this.rank = rank;
    this.size = addresses.length;
  }

  reduce(tensor: Tensor): Promise<Tensor> {
    const attributes = [
      text("merge_op", "Add"),
      text("final_op", "Id"),
      { name: "Nordering_token", type: ATTR.int, value: 0 },
    ];
    return withNativeInput(this.open, tensor, (id) =>
      this.run("CollectiveReduceV2", tensor, "sum", attributes, (keys) => [id, ...keys]),
    );
  }

  broadcast(tensor: Tensor, root: number): Promise<Tensor> {
    const kind = `from ${root}`;
    if (root === this.rank)
      return withNativeInput(this.open, tensor, (id) =>
        this.run("CollectiveBcastSendV2", tensor, kind, [], (keys) => [id, ...keys]),
      );
    const attributes = [{ name: "Tshape", type: ATTR.type, value: DT.int32 }];
    return this.withHostTensor([tensor.rank], tensor.shape, (shape) =>
      this.run("CollectiveBcastRecvV2", tensor, kind, attributes, (keys) => [...keys, shape]),
    );
  }

  async barrier(): Promise<void> {
    const { native, backend } = this.open;
    const id = native.createTensor([1], DT.float32, Float32Array.of(1));
    const one = backend.createOutputTensor({ id, shape: [1], dtype: DT.float32 }) as Tensor;
    try {
      (await this.reduce(one)).dispose();
    } finally {
      one.dispose();
    }
  }

  abort(reason: string): void {
    this.open.native.abortCollectives(reason);
  }

  async health(rank: number, timeoutSeconds: number): Promise<PeerHealth> {
    const code = await this.open.native.checkPeer(taskName(rank), timeoutSeconds * 1000);
    return code === 0 ? "alive" : code === 4 ? "unresponsive" : "dead";
  }

  private async run(
    op: string,
    tensor: Tensor,
    kind: string,
    attributes: readonly OpAttribute[],
    inputs: (keys: number[]) => number[],
  ): Promise<Tensor> {
    const { native, backend } = this.open;
    const all: OpAttribute[] = [
      { name: "T", type: ATTR.type, value: DT[tensor.dtype as keyof typeof DT] },
      { name: "timeout_seconds", type: ATTR.float, value: this.timeoutSeconds },
      ...attributes,
    ];
    const keys = [this.size, groupKey, this.keyFor(`${kind} ${tensor.dtype} ${tensor.shape}`)].map((key) =>
      native.createTensor([], DT.int32, Int32Array.of(key)),
    );
    try {
      const [made] = await native.executeOpAsync(op, all, inputs(keys), 1);
      return backend.createOutputTensor(made!) as Tensor;
    } finally {
      for (const id of keys) native.deleteTensor(id);
    }
  }

  private async withHostTensor<T>(
    shape: readonly number[],
    values: readonly number[],
    body: (id: number) => Promise<T>,
  ): Promise<T> {
    const { native } = this.open;
    const id = native.createTensor(shape, DT.int32, Int32Array.from(values));
    try {
      return await body(id);
    } finally {
      native.deleteTensor(id);
    }
  }

  private keyFor(signature: string): number {
    let key = this.keys.get(signature);
    if (key === undefined) this.keys.set(signature, (key = this.keys.size + 1));
    return key;
  }
}

const text = (name: string, value: string): OpAttribute => ({ name, type: ATTR.string, value });
