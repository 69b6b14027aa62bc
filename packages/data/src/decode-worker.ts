/** The program of a decoding process: takes one task at a time from its parent, and ends with it. */
import sharp from "sharp";
import { type DecodedSample, type DecodeTask, decodeSample, toProblem } from "./decode-sample.js";
import type { SampleProblem } from "./sample-error.js";

/** What a decoding process tells its parent. */
export type WorkerMessage =
  | { kind: "ready" }
  | { kind: "done"; sample: DecodedSample }
  | { kind: "failed"; problem: SampleProblem };

const send = (message: WorkerMessage): void => {
  // A parent that is gone can't be told; its going ends this process, too.
  process.send?.(message, () => undefined);
};

// One thread a process: the pool's size alone says how much of the machine is used.
sharp.concurrency(1);
sharp.cache(false);

process.on("disconnect", () => process.exit());
// Ctrl-C reaches the whole group; the parent decides when its workers end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("message", (task: DecodeTask) => {
  decodeSample(task).then(
    (sample) => send({ kind: "done", sample }),
    (error: unknown) => send({ kind: "failed", problem: toProblem(error, task.file) }),
  );
});
send({ kind: "ready" });
