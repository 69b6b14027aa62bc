/** What a worker process of `controlnet detect --dir` does until its parent is gone. */
import { setFlagsFromString } from "node:v8";
import sharp from "sharp";
import { runDetectJob } from "./detect-picture.js";
import type { WorkerReply, WorkerTask } from "./detect-workers.js";

// V8 collects when a heap with its pictures has grown by half, and a heap is less than half a picture. What is large is
// given back without that.
setFlagsFromString("--heap-growing-percent=1000");
// One thread a process: the number of workers alone says how much of the machine is used.
sharp.concurrency(1);
sharp.cache(false);
// A parent that is gone can't be told; its going ends this process, too.
const send = (reply: WorkerReply) => process.send?.(reply, () => undefined);
process.on("disconnect", () => process.exit());
// Ctrl-C reaches the whole group; a worker ends with its parent, not in the middle of a file.
process.on("SIGINT", () => undefined);
process.on(
  "message",
  ({ id, job }: WorkerTask) =>
    void runDetectJob(job).then((outcome) => send({ kind: "outcome", id, outcome })),
);
send({ kind: "ready" });
