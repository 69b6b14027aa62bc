import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ControlNetError } from "@controlnet-js/core";
import { BATCH_SIDE, type RenderedBatch, renderBatch } from "../render-batch.js";
import type { WorldOptions } from "../worlds.js";

/** Scenes `start` to `start + count - 1` of a seed, of world 1 unless it says otherwise. */
export interface RenderJob extends WorldOptions {
  seed: number;
  start: number;
  count: number;
}

/** What a rendering process answers to a {@link RenderJob}. */
export type RenderReply = { batch: RenderedBatch } | { error: string };

/** Scenes that a process renders at a time. */
const CHUNK = 32;

/** Processes that render; whoever makes a pool closes it. The pictures do not depend on their number. */
export class RenderPool {
  readonly #processes: ChildProcess[];

  /**
   * @param workers processes to start; 0 renders in the caller's own
   * @throws ControlNetError `range` for a bad number, `missing` where a bundler has left the worker's file behind
   */
  constructor(workers: number = availableParallelism()) {
    if (!Number.isInteger(workers) || workers < 0 || workers > 256)
      throw new ControlNetError("range", `RenderPool: expected 0 to 256 workers, got ${workers}`);
    this.#processes = Array.from({ length: workers }, spawnRenderWorker);
  }

  /**
   * Renders scenes in order, at 128x128.
   * @throws ControlNetError `state` where a process stops or fails
   */
  async render({ seed, start, count, ...world }: RenderJob): Promise<RenderedBatch> {
    if (this.#processes.length === 0) return renderBatch(seed, start, count, world);
    const size = BATCH_SIDE * BATCH_SIDE * 3;
    const images = new Uint8Array(count * size);
    const captions = new Array<string>(count);
    let next = 0;
    await Promise.all(
      this.#processes.map(async (child) => {
        while (next < count) {
          const from = next;
          next += CHUNK;
          const batch = await ask(child, {
            ...world,
            seed,
            start: start + from,
            count: Math.min(CHUNK, count - from),
          });
          images.set(batch.images, from * size);
          batch.captions.forEach((caption, i) => {
            captions[from + i] = caption;
          });
        }
      }),
    );
    return { images, captions };
  }

  /** Ends the processes. */
  close(): void {
    for (const child of this.#processes) if (child.connected) child.disconnect();
  }
}

/**
 * Renders scenes `start` to `start + count - 1` of a seed in several processes.
 * @throws ControlNetError as {@link RenderPool}
 */
export async function renderInWorkers({
  workers,
  ...job
}: RenderJob & { workers?: number }): Promise<RenderedBatch> {
  const pool = new RenderPool(workers);
  try {
    return await pool.render(job);
  } finally {
    pool.close();
  }
}

function ask(child: ChildProcess, job: RenderJob): Promise<RenderedBatch> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      settle();
      reject(new ControlNetError("state", `RenderPool: scenes from ${job.start} were not rendered: ${why}`));
    };
    const onExit = (code: number | null): void => fail(`a process stopped (exit code ${code})`);
    const onError = (error: Error): void => fail(error.message);
    const onMessage = (reply: RenderReply): void => {
      if ("error" in reply) fail(reply.error);
      else {
        settle();
        resolve(reply.batch);
      }
    };
    const settle = (): void => {
      child
        .off("exit", onExit)
        .off("error", onError)
        .off("message", onMessage as (message: unknown) => void);
    };
    child
      .on("exit", onExit)
      .on("error", onError)
      .on("message", onMessage as (message: unknown) => void);
    if (child.connected) child.send(job);
    else fail("its process has gone");
  });
}

/** Beside built code the program is `render-worker.js`; beside sources it is TypeScript, read through tsx. */
function spawnRenderWorker(): ChildProcess {
  const fromSource = import.meta.url.endsWith(".ts");
  const file = fileURLToPath(
    new URL(fromSource ? "./render-worker.ts" : "./render-worker.js", import.meta.url),
  );
  if (!existsSync(file))
    throw new ControlNetError(
      "missing",
      `RenderPool: expected the worker program at ${file}; keep @controlnet-js/tinyworld out of your bundle, or pass workers: 0`,
    );
  const execArgv = fromSource ? ["--conditions=@controlnet-js/source", "--import", tsx()] : [];
  return fork(file, [], { execArgv, serialization: "advanced", stdio: ["ignore", 2, 2, "ipc"] });
}

const tsx = (): string => pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
