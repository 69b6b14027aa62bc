// Run by a test as a process of its own: trains for ever, until it is killed.
import { setBackend } from "@tensorflow/tfjs-core";
import { runTraining } from "../run-training.js";
import { createTinyTask, tinyDataset, tinyOptions } from "./tiny-task.js";

await import("@tensorflow/tfjs");
await setBackend("cpu");
await runTraining(createTinyTask(), tinyDataset(5), tinyOptions(process.argv[2]!, { steps: 6 }), {
  saved: (_folder, step) => process.stdout.write(`saved ${step}\n`),
});
