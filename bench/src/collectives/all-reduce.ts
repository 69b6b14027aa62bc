// One process of the all-reduce benchmark, the peer of all-reduce.c: same arguments, same output.
import { writeSync } from "node:fs";
import { connectGroup } from "@controlnet-js/tensorflow";
import { mod, range, tidy } from "@tensorflow/tfjs-core";

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const group = await connectGroup({
  collectives: process.env.BENCH_COLLECTIVES === "tensorflow" ? "tensorflow" : "mpi",
});
const [, , ...sizes] = process.argv.map(Number);
const milliseconds: Record<string, number> = {};
for (let i = 0; i + 1 < sizes.length; i += 2) {
  const [bytes, repetitions] = [sizes[i]!, sizes[i + 1]!];
  const values = tidy(() => mod(range(0, bytes / 4), 1000));
  values.dataSync();
  const times: number[] = [];
  for (let done = -3; done < repetitions; done++) {
    await group.barrier();
    const start = performance.now();
    const [sums] = await group.allReduce([values]);
    if (done >= 0) times.push(performance.now() - start);
    sums!.dispose();
  }
  milliseconds[bytes] = median(times);
  values.dispose();
}
await group.barrier();
if (group.rank === 0) writeSync(1, `${JSON.stringify(milliseconds)}\n`);
process.exit(0);
