import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ControlNetError } from "@controlnet-js/core";

/**
 * Starts a decoding process. Beside built code it is `decode-worker.js`; beside sources it is the TypeScript file,
 * read through tsx, with the workspace's packages loaded from source as well.
 * @throws ControlNetError `missing` where a bundler has left the worker's file behind
 */
export function spawnDecodeWorker(): ChildProcess {
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
