import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ControlNetError } from "@controlnet-js/core";
import { type DetectJob, type DetectOutcome, runDetectJob } from "./detect-picture.js";
import { transferFlags } from "./release-memory.js";

/** What a worker process is sent. */
export interface WorkerTask {
  id: number;
  job: DetectJob;
}

/** What it answers: that it takes jobs, then how each ended, in no particular order. */
export type WorkerReply = { kind: "ready" } | { kind: "outcome"; id: number; outcome: DetectOutcome };

/** Jobs that a process has at once: it decodes one picture while it makes the map of another. */
const AT_ONCE = 2;

/**
 * Does jobs, in worker processes or in this one. A process that dies is replaced, and its jobs are tried once more, each in
 * a process of its own; a job that kills two has failed.
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
  const take = async (run: (job: DetectJob) => Promise<DetectOutcome>): Promise<void> => {
    for (const job of queue) onOutcome(job, await run(job));
  };
  if (workers === 0) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => take(runDetectJob)));
    return;
  }
  const pool = new WorkerPool();
  try {
    const places = Array.from({ length: Math.min(workers, jobs.length) }, () => pool.place());
    await Promise.all(places.flatMap((place) => Array.from({ length: AT_ONCE }, () => take(place))));
  } finally {
    pool.stop();
  }
}

/** The worker processes of a run. */
class WorkerPool {
  private readonly workers = new Set<Worker>();
  private isStopped = false;

  /** What does jobs in one process, as many at once as it is given; a new process follows one that died. */
  place(): (job: DetectJob) => Promise<DetectOutcome> {
    let worker: Promise<Worker> | undefined;
    const living = async (): Promise<Worker> => {
      const current = worker;
      if (current && (await current).isAlive) return current;
      // Whoever notices first starts the next one.
      if (worker === current) worker = this.start();
      return worker!;
    };
    return async (job) => {
      const own = await living();
      return own.run(job).catch(() => this.runAlone(job));
    };
  }

  stop(): void {
    this.isStopped = true;
    for (const worker of this.workers) worker.stop();
  }

  private async start(): Promise<Worker> {
    if (this.isStopped) throw new Error("the run has ended");
    const worker = new Worker();
    this.workers.add(worker);
    await worker.started.catch((cause: Error) => {
      throw new ControlNetError("io", `controlnet detect: a worker doesn't start: ${cause.message}`, {
        cause,
      });
    });
    return worker;
  }

  /** A second try, where no other job can be to blame. */
  private async runAlone(job: DetectJob): Promise<DetectOutcome> {
    const worker = await this.start();
    try {
      return await worker.run(job);
    } catch (error) {
      return { kind: "failed", message: `${job.file}: ${(error as Error).message}, twice` };
    } finally {
      worker.stop();
      this.workers.delete(worker);
    }
  }
}

interface Waiting {
  resolve(outcome: DetectOutcome): void;
  reject(error: Error): void;
}

/** A worker process and the jobs that it has. */
class Worker {
  /** Settles when the process takes jobs, or has ended without. */
  readonly started: Promise<void>;
  isAlive = true;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor() {
    this.child = forkWorker();
    this.started = new Promise((resolve, reject) => {
      const end = (error: Error) => {
        this.isAlive = false;
        reject(error);
        for (const job of this.waiting.values()) job.reject(error);
        this.waiting.clear();
      };
      this.child.once("error", end);
      this.child.once("exit", (code, signal) =>
        end(new Error(`the worker process ended ${signal ? `by ${signal}` : `with code ${code}`}`)),
      );
      this.child.on("message", (reply: WorkerReply) => {
        if (reply.kind === "ready") return resolve();
        this.waiting.get(reply.id)?.resolve(reply.outcome);
        this.waiting.delete(reply.id);
      });
    });
  }

  /** @throws the reason where the process ends before the job does */
  run(job: DetectJob): Promise<DetectOutcome> {
    if (!this.isAlive) return Promise.reject(new Error("the worker process has ended"));
    return new Promise((resolve, reject) => {
      const task: WorkerTask = { id: this.next++, job };
      this.waiting.set(task.id, { resolve, reject });
      // A process that has just died can't be told; its exit rejects the job.
      this.child.send(task, () => undefined);
    });
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

/**
 * Memory that a picture took is used for the next one: giving it back and taking it anew costs glibc's users up to a third
 * of the time of decoding a large photograph. Other libraries take no notice.
 */
const keepMemory = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
};

/** What is built is a program of its own, with little to load. From source it is read through tsx. */
function forkWorker(): ChildProcess {
  const fromSource = import.meta.url.endsWith(".ts");
  const program = new URL(fromSource ? "./worker.ts" : "./detect-worker.js", import.meta.url);
  const tsx = () => pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return fork(fileURLToPath(program), {
    env: { ...keepMemory, ...process.env },
    execArgv: [
      ...transferFlags,
      ...(fromSource ? ["--conditions=@controlnet-js/source", "--import", tsx()] : []),
    ],
    serialization: "advanced",
    // What a condition prints goes to standard error: standard output belongs to the results.
    stdio: ["ignore", 2, 2, "ipc"],
  });
}
