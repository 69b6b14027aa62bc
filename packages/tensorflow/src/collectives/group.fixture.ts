// One process of a group, for collectives.test.ts: does what its argument says and prints the result as JSON.
import * as tf from "@tensorflow/tfjs-core";
import { allReduceInBuckets } from "./buckets.js";
import { connectGroup } from "./connect.js";

const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

async function main(): Promise<void> {
  const group = await connectGroup({ timeoutSeconds: Number(process.env.GROUP_TIMEOUT ?? 120) });
  const mine = tf.tensor1d([group.rank + 1, 10 * (group.rank + 1), 0.1 * (group.rank + 1)]);
  switch (process.argv[2]) {
    case "sums": {
      const [sum, whole] = await group.allReduce([mine, tf.scalar(group.rank, "int32")]);
      const [again] = await group.allReduce([mine]);
      const [fromOne] = await group.broadcast([mine], 1);
      const buckets = await allReduceInBuckets(
        group,
        [mine, tf.ones([2, 2]), tf.fill([300], group.rank)],
        64,
      );
      // Nobody leaves before all have asked for their neighbour's health.
      await group.barrier();
      const health = await group.health((group.rank + 1) % group.size);
      await group.barrier();
      print({
        rank: group.rank,
        sum: [...sum!.dataSync()],
        whole: [...whole!.dataSync()],
        again: [...again!.dataSync()],
        fromOne: [...fromOne!.dataSync()],
        shapes: buckets.map(({ shape }) => shape),
        last: buckets[2]!.dataSync()[0],
        health,
      });
      break;
    }
    case "refuse":
      print(await group.allReduce([tf.zeros([0])]).catch((error: Error) => error.message));
      await group.barrier();
      break;
    case "die": {
      await group.barrier();
      if (group.rank === group.size - 1) process.kill(process.pid, "SIGKILL");
      const outcome = await group.allReduce([mine]).then(
        () => "no error",
        (error: Error & { code: string }) => error.code,
      );
      print({ outcome, health: await group.health(group.size - 1, 2) });
      break;
    }
    case "stall": {
      await group.barrier();
      if (group.rank === 1) setTimeout(() => process.exit(0), 15_000);
      else
        print(
          await group.allReduce([tf.ones([7])]).then(
            () => "no error",
            (error: { code: string }) => error.code,
          ),
        );
      if (group.rank === 1) return;
    }
  }
  process.exit(0);
}

void main().catch((error: Error) => {
  print({ failed: error.message });
  process.exit(1);
});
