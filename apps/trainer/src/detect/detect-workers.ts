import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ControlNetError } from "@controlnet-js/core";
import sharp from "sharp";
import { type DetectJob, type DetectOutcome, runDetectJob } from "./detect-picture.js";

/** The command that a worker process runs; hidden from help texts. */
export const workerCommand = "detect-worker";

const ready = "ready";
type Reply = typeof ready | DetectOutcome;

/**
 * Does jobs in worker processes, one at a time each. A process that dies is replaced and its job tried once more; a job
 * that kills two has failed.
 * @param workers how many processes; 0 does the jobs in this one
 * @param onOutcome called as jobs end, in no particular order
 * @throws ControlNetError `io` where a process doesn't start
 */
export async function runDetectJobs(
  jobs: readonly DetectJob[],
  workers: number,
  onOutcome: (job: DetectJob, outcome: DetectOutcome) => void,
): Promise<void> {
  const queue = jobs.values();
  if (workers === 0) {
    for (const job of queue) onOutcome(job, await runDetectJob(job));
    return;
  }
  const children = new Set<ChildProcess>();
  let stopped = false;
  const start = async (): Promise<ChildProcess> => {
    const child = spawnWorker();
    children.add(child);
    child.once("exit", () => children.delete(child));
    child.on("error", () => undefined);
    await nextReply(child).catch((cause: Error) => {
      throw new ControlNetError("io", `controlnet detect: a worker doesn't start: ${cause.message}`, {
        cause,
      });
    });
    return child;
  };
  const work = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    for (const job of queue)
      for (let attempt = 1; ; attempt++) {
        if (!child || !children.has(child)) child = await start();
        try {
          const reply = nextReply(child);
          // A process that has just died can't be told; its exit rejects the reply.
          child.send(job, () => undefined);
          onOutcome(job, (await reply) as DetectOutcome);
          break;
        } catch (error) {
          if (stopped) return;
          if (attempt < 2) continue;
          onOutcome(job, { kind: "failed", message: `${job.file}: ${(error as Error).message}, twice` });
          break;
        }
      }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, work));
  } finally {
    stopped = true;
    for (const child of children) child.kill("SIGKILL");
  }
}

/** What a worker process does until its parent is gone. */
export function serveDetectJobs(): Promise<never> {
  // One thread a process: the number of workers alone says how much of the machine is used.
  sharp.concurrency(1);
  sharp.cache(false);
  const send = (reply: Reply) => process.send?.(reply);
  process.on("disconnect", () => process.exit());
  // Ctrl-C reaches the whole group; a worker ends with its parent, not in the middle of a file.
  process.on("SIGINT", () => undefined);
  process.on("message", (job: DetectJob) => void runDetectJob(job).then(send));
  send(ready);
  return new Promise<never>(() => undefined);
}

function nextReply(child: ChildProcess): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = () => child.off("message", onMessage).off("exit", onExit).off("error", onError);
    const onMessage = (reply: Reply) => {
      settle();
      resolve(reply);
    };
    const onExit = (code: number | null, signal: string | null) => {
      settle();
      reject(new Error(`the worker process ended ${signal ? `by ${signal}` : `with code ${code}`}`));
    };
    const onError = (error: Error) => {
      settle();
      reject(error);
    };
    child.once("message", onMessage).once("exit", onExit).once("error", onError);
  });
}

/** The program itself, asked to be a worker: what is built is one file. From source it is read through tsx. */
function spawnWorker(): ChildProcess {
  const fromSource = import.meta.url.endsWith(".ts");
  const program = fileURLToPath(fromSource ? new URL("../cli.ts", import.meta.url) : import.meta.url);
  const tsx = () => pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return fork(program, [workerCommand], {
    execArgv: fromSource ? ["--conditions=@controlnet-js/source", "--import", tsx()] : [],
    serialization: "advanced",
    // What a condition prints goes to standard error: standard output belongs to the results.
    stdio: ["ignore", 2, 2, "ipc"],
  });
}
