import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ControlNetError, type Image } from "@controlnet-js/core";
import type { DecodedSample, DecodeTask } from "./decode-sample.js";
import type { WorkerMessage } from "./decode-worker.js";
import { SampleError } from "./sample-error.js";

/** Settings of a {@link WorkerPool}. */
export interface WorkerPoolOptions {
  /** How many processes, at least 1. They start when first needed. */
  workers: number;
  /** How long one sample may take, in milliseconds, before its process is killed. */
  timeoutMs: number;
  /** Told of every process that died or was killed, with the sample it held. */
  onIncident(message: string): void;
}

interface Job {
  task: DecodeTask;
  attempts: number;
  resolve(sample: DecodedSample): void;
  reject(error: Error): void;
}

interface Slot {
  child: ChildProcess;
  ready: boolean;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  timedOut: boolean;
  errorOutput: string;
}

const maxStarts = 3;
const maxAttempts = 2;
const startTimeoutMs = 60_000;

/**
 * Decodes samples in child processes, one at a time each. A process that dies is replaced and its sample tried once
 * more, so that a kill from outside changes nothing; a sample that kills two, or takes too long, is an error of its
 * own. Idle processes do not keep the program alive, and all end with it.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots = new Set<Slot>();
  readonly #queue: Job[] = [];
  #failedStarts = 0;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Process ids of the running workers. */
  get processIds(): number[] {
    return [...this.#slots].map((slot) => slot.child.pid).filter((pid) => pid !== undefined);
  }

  /**
   * Decodes one sample.
   * @throws SampleError; ControlNetError `io` where no process can be started, `state` after `close`
   */
  run(task: DecodeTask): Promise<DecodedSample> {
    if (this.#closed) return Promise.reject(new ControlNetError("state", "WorkerPool: run after close"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, attempts: 0, resolve, reject });
      this.#assign();
    });
  }

  /** Ends all processes; samples not loaded yet are rejected with `aborted`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#failAll(new ControlNetError("aborted", "WorkerPool: closed before the sample was loaded"));
    await Promise.all(
      [...this.#slots].map(
        ({ child }) =>
          new Promise<void>((resolve) => {
            const force = setTimeout(() => child.kill("SIGKILL"), 2000);
            child.once("exit", () => {
              clearTimeout(force);
              resolve();
            });
            if (child.connected) child.disconnect();
          }),
      ),
    );
  }

  #assign(): void {
    if (this.#closed) return;
    const starting = [...this.#slots].filter((slot) => !slot.ready).length;
    const idle = [...this.#slots].filter((slot) => slot.ready && !slot.job);
    for (const slot of idle) {
      const job = this.#queue.shift();
      if (!job) break;
      this.#give(slot, job);
    }
    for (let i = starting; i < this.#queue.length && this.#slots.size < this.#options.workers; i++)
      if (!this.#start()) break;
    this.#holdProgram();
  }

  #start(): boolean {
    let child: ChildProcess;
    try {
      child = spawnDecodeWorker();
    } catch (error) {
      this.#failAll(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    const slot: Slot = {
      child,
      ready: false,
      job: undefined,
      timer: undefined,
      timedOut: false,
      errorOutput: "",
    };
    this.#slots.add(slot);
    child.stderr?.on("data", (text: string) => {
      slot.errorOutput = (slot.errorOutput + text).slice(-2000);
    });
    child.on("message", (message: WorkerMessage) => this.#receive(slot, message));
    child.on("error", (error) => this.#lost(slot, error.message));
    child.once("exit", (code, signal) =>
      this.#lost(slot, signal ? `ended by ${signal}` : `ended with code ${code}`),
    );
    slot.timer = setTimeout(() => child.kill("SIGKILL"), startTimeoutMs);
    return true;
  }

  #give(slot: Slot, job: Job): void {
    const { timeoutMs } = this.#options;
    slot.job = job;
    job.attempts++;
    slot.timer = setTimeout(() => {
      slot.timedOut = true;
      slot.child.kill("SIGKILL");
    }, timeoutMs);
    // A process that has just died cannot be told; its exit event puts the job back.
    slot.child.send(job.task, () => undefined);
  }

  #receive(slot: Slot, message: WorkerMessage): void {
    clearTimeout(slot.timer);
    const { job } = slot;
    slot.job = undefined;
    if (message.kind === "ready") {
      slot.ready = true;
      this.#failedStarts = 0;
    } else if (message.kind === "done") job?.resolve(adopt(message.sample));
    else job?.reject(new SampleError(message.problem));
    this.#assign();
  }

  #lost(slot: Slot, how: string): void {
    if (!this.#slots.delete(slot)) return;
    clearTimeout(slot.timer);
    if (this.#closed) return;
    const { job, errorOutput, child } = slot;
    const output = errorOutput.trim() && `; it printed: ${errorOutput.trim()}`;
    if (job) this.#settleLost(slot, job, `decode worker ${child.pid} ${how}`, output);
    else if (slot.ready) this.#options.onIncident(`decode worker ${child.pid} ${how} while idle`);
    else if (++this.#failedStarts >= maxStarts) {
      this.#failedStarts = 0;
      this.#failAll(new ControlNetError("io", `WorkerPool: decode workers do not start (${how})${output}`));
    }
    this.#assign();
  }

  #settleLost({ timedOut }: Slot, job: Job, how: string, output: string): void {
    const { file } = job.task;
    const fail = (message: string) =>
      job.reject(new SampleError({ code: "io", message, file, skippable: true }));
    if (timedOut) {
      this.#options.onIncident(`${how} after ${this.#options.timeoutMs} ms with ${file}`);
      fail(`${file}: not decoded within ${this.#options.timeoutMs} ms`);
    } else if (job.attempts < maxAttempts) {
      this.#options.onIncident(`${how} with ${file}; trying that sample again${output}`);
      this.#queue.unshift(job);
    } else {
      this.#options.onIncident(`${how} with ${file}, for the second time${output}`);
      fail(`${file}: ${how}, for the second time with this sample${output}`);
    }
  }

  #failAll(error: Error): void {
    for (const job of this.#queue.splice(0)) job.reject(error);
    if (!this.#closed) return;
    for (const slot of this.#slots) {
      clearTimeout(slot.timer);
      slot.job?.reject(error);
      slot.job = undefined;
    }
  }

  /** Lets the program end while nothing is asked of the workers. */
  #holdProgram(): void {
    const busy = this.#queue.length > 0 || [...this.#slots].some((slot) => slot.job);
    for (const { child, timer } of this.#slots) {
      if (busy) child.ref();
      else child.unref();
      if (busy) child.channel?.ref();
      else child.channel?.unref();
      if (busy) timer?.ref();
      else timer?.unref();
      if (child.stderr instanceof Socket) child.stderr.unref();
    }
  }
}

const plain = ({ data, ...size }: Image): Image => ({
  ...size,
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** Buffers from the channel become plain byte arrays, as decoding in this process gives. */
function adopt({ image, map }: DecodedSample): DecodedSample {
  return map ? { image: plain(image), map: plain(map) } : { image: plain(image) };
}

/**
 * Starts a decoding process. Beside built code it is `decode-worker.js`; beside sources it is the TypeScript file,
 * read through tsx, with the workspace's packages loaded from source as well.
 * @throws ControlNetError `missing` where a bundler has left the worker's file behind
 */
function spawnDecodeWorker(): ChildProcess {
  const fromSource = import.meta.url.endsWith(".ts");
  const file = fileURLToPath(
    new URL(fromSource ? "./decode-worker.ts" : "./decode-worker.js", import.meta.url),
  );
  if (!existsSync(file))
    throw new ControlNetError(
      "missing",
      `spawnDecodeWorker: expected the worker program at ${file}; keep @controlnet-js/data out of your bundle, or pass workers: 0`,
    );
  const execArgv = fromSource ? ["--conditions=@controlnet-js/source", "--import", tsx()] : [];
  // What a condition prints goes to standard error: standard output belongs to the program.
  const child = fork(file, [], { execArgv, serialization: "advanced", stdio: ["ignore", 2, "pipe", "ipc"] });
  child.stderr?.setEncoding("utf8");
  return child;
}

const tsx = (): string => pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
