// One process of a group, for the tests of collectives: does what its argument says and writes the outcome as JSON
// into the folder GROUP_OUTCOMES, under its rank.
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { parseAddress } from "../collectives/addresses.js";
import { allReduceInBuckets } from "../collectives/buckets.js";
import type { Communicator } from "../collectives/communicator.js";
import { type ConnectOptions, connectGroup } from "../collectives/connect.js";
import { ranksFromEnvironment } from "../collectives/ranks.js";
import { requireEngine } from "../engine.js";

const { GROUP_OUTCOMES, GROUP_COLLECTIVES, GROUP_TIMEOUT = "120" } = process.env;

const outcomeOf = (rank: number): string => join(GROUP_OUTCOMES!, `${rank}.json`);

const report = (outcome: unknown): void =>
  writeFileSync(outcomeOf(ranksFromEnvironment().rank), JSON.stringify(outcome));

/** The code of the error that `operation` ends with, and after how many seconds. */
async function failureOf(operation: Promise<unknown>): Promise<{ code: string; seconds: number }> {
  const started = performance.now();
  const code = await operation.then(
    () => "no error",
    (error: Error & { code: string }) => error.code,
  );
  return { code, seconds: (performance.now() - started) / 1000 };
}

/** How all processes find the one that is about to fail. */
async function processIds(group: Communicator): Promise<number[]> {
  const own = tf.tidy(() => tf.mul(tf.oneHot(tf.scalar(group.rank, "int32"), group.size), process.pid));
  const [all] = await group.allReduce([own]);
  return [...all!.dataSync()];
}

/** Whether somebody accepts within a second. */
const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const settle = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => settle(true)).once("error", () => settle(false));
    socket.once("timeout", () => settle(false));
  });

const scenarios: Record<string, (group: Communicator) => Promise<void>> = {
  async sums(group) {
    const { rank, size } = group;
    const mine = tf.tensor1d([rank + 1, 10 * (rank + 1), 0.1 * (rank + 1)]);
    // A timer that fires while an operation waits shows that the JavaScript thread is free.
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    if (rank === size - 1) await sleep(1000);
    const [sum, whole] = await group.allReduce([mine, tf.scalar(rank, "int32")]);
    clearInterval(ticking);
    const [again] = await group.allReduce([mine]);
    const [fromOne] = await group.broadcast([mine], 1);
    const large = tf.tidy(() => tf.mod(tf.add(tf.range(0, 300_000), rank), 1000));
    const [largeSum] = await group.allReduce([large]);
    const wrong = tf.tidy(() => {
      const expected = Array.from({ length: size }, (_, r) => tf.mod(tf.add(tf.range(0, 300_000), r), 1000));
      return tf.sum(tf.cast(tf.notEqual(largeSum!, tf.addN(expected)), "float32")).dataSync()[0];
    });
    // Nobody leaves before all have asked for their neighbour's health.
    await group.barrier();
    const health = await group.health((rank + 1) % size);
    await group.barrier();
    report({
      sum: [...sum!.dataSync()],
      whole: [...whole!.dataSync()],
      again: [...again!.dataSync()],
      fromOne: [...fromOne!.dataSync()],
      wrong,
      health,
      ticks,
    });
  },
  async buckets(group) {
    const { rank } = group;
    const gradients = [
      tf.fill([3], rank),
      tf.fill([2, 2], 2 * rank),
      tf.range(rank, rank + 300),
      tf.scalar(rank),
    ];
    const outcome: Record<string, number[][]> = {};
    for (const bucketBytes of [4, 64, 2 ** 20])
      for (const average of [false, true]) {
        const results = await allReduceInBuckets(group, gradients, { bucketBytes, average });
        outcome[`${bucketBytes} ${average}`] = results.map((tensor) => [...tensor.dataSync()]);
        tf.dispose(results);
      }
    await group.barrier();
    report(outcome);
  },
  async listen(group) {
    const { addresses } = requireEngine("listen").cluster!;
    const { port } = parseAddress(addresses[group.rank]!);
    const own = Object.values(networkInterfaces()).flatMap((all) => all!.filter(({ scopeid }) => !scopeid));
    const reached: Record<string, boolean> = {};
    for (const { address } of own) reached[address] = await connects(address, port);
    await group.barrier();
    report({ addresses, reached });
  },
  async refuse(group) {
    report(await group.allReduce([tf.zeros([0])]).catch((error: Error) => error.message));
    await group.barrier();
  },
  async die(group) {
    const last = group.size - 1;
    await group.barrier();
    if (group.rank === last) process.kill(process.pid, "SIGKILL");
    report({ ...(await failureOf(group.allReduce([tf.ones([1000])]))), health: await group.health(last, 2) });
    process.exit(1);
  },
  async vanish(group) {
    const last = group.size - 1;
    await group.barrier();
    if (group.rank === last) process.exit(7);
    report(await failureOf(group.allReduce([tf.ones([1000])])));
    process.exit(1);
  },
  async stop(group) {
    const last = group.size - 1;
    const ids = await processIds(group);
    if (group.rank === last) process.kill(process.pid, "SIGSTOP");
    const failure = await failureOf(group.allReduce([tf.ones([1000])]));
    report({ ...failure, health: await group.health(last, 1) });
    process.kill(ids[last]!, "SIGKILL");
    process.exit(1);
  },
  async stall(group) {
    await group.barrier();
    if (group.rank === 0) report(await failureOf(group.allReduce([tf.ones([7])])));
    // The others are alive, but never come; they end once the first one has given up.
    else while (!existsSync(outcomeOf(0))) await sleep(100);
    process.exit(1);
  },
  async abort(group) {
    if (group.rank === 0) {
      setTimeout(() => group.abort("asked to stop"), 500);
      const failure = await failureOf(group.allReduce([tf.ones([7])]));
      report({ ...failure, next: await failureOf(group.barrier()) });
    } else await sleep(3000);
    process.exit(1);
  },
};

async function main(): Promise<void> {
  const options: ConnectOptions = { timeoutSeconds: Number(GROUP_TIMEOUT), watchSeconds: 2 };
  if (GROUP_COLLECTIVES) options.collectives = GROUP_COLLECTIVES as "mpi" | "tensorflow";
  const group = await connectGroup(options);
  await scenarios[process.argv[2]!]!(group);
  process.exit(0);
}

void main().catch((error: Error & { code?: string }) => {
  report({ failed: error.message, code: error.code });
  process.exit(1);
});
