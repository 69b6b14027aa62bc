import { renderBatch } from "../render-batch.js";
import type { RenderJob, RenderReply } from "./render-pool.js";

// The program of a rendering process: renders what it is told until its parent goes.
process.on("message", ({ seed, start, count, ...world }: RenderJob) => {
  let reply: RenderReply;
  try {
    reply = { batch: renderBatch(seed, start, count, world) };
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  // A parent that is gone can't be told; its going ends this process, too.
  process.send?.(reply, () => undefined);
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole group; the parent decides when its workers end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
