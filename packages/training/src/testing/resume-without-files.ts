// Run by a test as a process of its own: looks for what to resume when the system opens no further file for it.
import { openSync } from "node:fs";
import type { ControlNetError } from "@controlnet-js/core";
import { findCheckpoint } from "../run-state.js";

const folder = process.argv[2]!;
await findCheckpoint(folder);
try {
  for (;;) openSync("/dev/null", "r");
} catch {
  // EMFILE
}
process.stdout.write(
  await findCheckpoint(folder).then(
    (found) => `found ${found?.step}`,
    ({ code, message }: ControlNetError) => `${code} ${message}`,
  ),
);
process.exit();
