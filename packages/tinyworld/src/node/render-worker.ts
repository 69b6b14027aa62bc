import { renderBatch } from "../render-batch.js";
import type { RenderJob, RenderReply } from "./render-pool.js";

// The program of a rendering process: renders what it is told until its parent goes.
process.on("message", ({ seed, start, count }: RenderJob) => {
  let reply: RenderReply;
  try {
    reply = { batch: renderBatch(seed, start, count) };
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
});
process.on("disconnect", () => process.exit(0));
