import { ControlNetError } from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { TensorFlowError } from "../errors.js";
import type { Communicator, GroupEngine } from "./communicator.js";

/** How long an operation may wait for the others. */
export interface CommunicatorOptions {
  /** After this many seconds without the others, an operation fails. Default 300. */
  timeoutSeconds?: number;
  /** While an operation waits, its neighbours are asked this often whether they live. Default 5. */
  watchSeconds?: number;
}

/**
 * A communicator over an engine. Operations are issued one after the other, because engines deadlock when processes
 * issue several in different orders. Each is watched: a neighbour that died, a time-out or `abort` makes it fail, and
 * with it everything after it.
 */
export function watchedGroup(engine: GroupEngine, options: CommunicatorOptions = {}): Communicator {
  const group = new WatchedGroup(engine, options);
  const each = async (
    tensors: readonly Tensor[],
    what: string,
    operation: (tensor: Tensor) => Promise<Tensor>,
  ): Promise<Tensor[]> => {
    const results: Tensor[] = [];
    try {
      for (const tensor of tensors) {
        requireSummable(what, tensor);
        results.push(await group.issue(`${what} of ${describe(tensor)}`, () => operation(tensor)));
      }
    } catch (error) {
      for (const result of results) result.dispose();
      throw error;
    }
    return results;
  };
  return {
    rank: engine.rank,
    size: engine.size,
    allReduce: (tensors) => each(tensors, "all-reduce", (tensor) => engine.reduce(tensor)),
    broadcast: (tensors, root = 0) => each(tensors, "broadcast", (tensor) => engine.broadcast(tensor, root)),
    barrier: () => group.issue("barrier", () => engine.barrier()),
    abort: (reason) => group.fail(reason),
    health: async (rank, timeoutSeconds = 10) =>
      rank === engine.rank ? "alive" : await engine.health(rank, timeoutSeconds),
  };
}

const describe = (tensor: Tensor): string => `${tensor.dtype}[${tensor.shape.join(", ")}]`;

/** TensorFlow ends the process on an empty tensor and on a dtype that it cannot sum. */
function requireSummable(what: string, tensor: Tensor): void {
  if (tensor.size > 0 && (tensor.dtype === "float32" || tensor.dtype === "int32")) return;
  throw new TensorFlowError(
    `${what}: expected a float32 or int32 tensor with elements, got ${describe(tensor)}`,
    {},
    "unsupported",
  );
}

class WatchedGroup {
  private last: Promise<unknown> = Promise.resolve();
  private failure: string | undefined;
  private readonly waiting = new Set<(reason: string) => void>();
  /** Everyone watches the next one and the leader: whoever notices a loss fails, exits and is noticed in turn. */
  private readonly neighbours: number[];
  private readonly timeoutSeconds: number;
  private readonly watchSeconds: number;

  constructor(
    private readonly engine: GroupEngine,
    { timeoutSeconds = 300, watchSeconds = 5 }: CommunicatorOptions,
  ) {
    const next = (engine.rank + 1) % engine.size;
    this.neighbours = [...new Set([0, next])].filter((rank) => rank !== engine.rank);
    this.timeoutSeconds = timeoutSeconds;
    this.watchSeconds = watchSeconds;
  }

  /** Runs `operation` after all that was issued before. */
  issue<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const where = `${what} over ${this.engine.size} processes`;
    const done = this.last.then(() => this.run(where, operation));
    this.last = done.catch(() => {});
    return done;
  }

  /** Makes the waiting operation and all later ones fail. */
  fail(reason: string): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    for (const reject of this.waiting) reject(reason);
    this.engine.abort(reason);
  }

  private async run<T>(where: string, operation: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined)
      throw aborted(`${where}: an earlier operation of this group failed: ${this.failure}`);
    let reject: (reason: string) => void = () => {};
    const failed = new Promise<never>((_, refuse) => {
      reject = (reason) => refuse(aborted(`${where}: ${reason}`));
      this.waiting.add(reject);
    });
    const watch = this.startWatch();
    try {
      return await Promise.race([operation(), failed]);
    } catch (error) {
      const message = (error as Error).message;
      this.fail(message);
      if (error instanceof ControlNetError && error.code === "aborted") throw error;
      const status = (error as { tfCode?: number }).tfCode;
      throw aborted(`${where}: ${message}`, { status, cause: error });
    } finally {
      watch.stop();
      this.waiting.delete(reject);
    }
  }

  private startWatch(): { stop(): void } {
    let over = false;
    const ask = async (): Promise<void> => {
      for (const rank of this.neighbours)
        if (!over && (await this.engine.health(rank, this.watchSeconds)) === "dead" && !over)
          this.fail(`process ${rank} is gone`);
    };
    const asking = setInterval(() => void ask().catch(() => {}), this.watchSeconds * 1000);
    const limit = setTimeout(
      () => this.fail(`not all processes took part within ${this.timeoutSeconds} s`),
      this.timeoutSeconds * 1000,
    );
    return {
      stop() {
        over = true;
        clearInterval(asking);
        clearTimeout(limit);
      },
    };
  }
}

const aborted = (message: string, failure: { status?: number | undefined; cause?: unknown } = {}) =>
  new TensorFlowError(
    `${message}; this group cannot be used any more: exit and start all processes from the last checkpoint`,
    failure as ConstructorParameters<typeof TensorFlowError>[1],
    "aborted",
  );
