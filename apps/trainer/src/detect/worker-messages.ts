import type { DetectJob, DetectOutcome } from "./detect-picture.js";

/** What a worker process is sent. */
export interface WorkerTask {
  id: number;
  job: DetectJob;
}

/** What it answers: that it takes jobs, then how each ended, in no particular order. */
export type WorkerReply = { kind: "ready" } | { kind: "outcome"; id: number; outcome: DetectOutcome };
