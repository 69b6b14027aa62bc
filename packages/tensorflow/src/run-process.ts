import { spawn } from "node:child_process";

/** How a child process ended. */
export interface ProcessResult {
  code: number;
  output: string;
}

/**
 * Runs a program to its end and collects what it printed; `echo` also passes that on to standard error.
 * Resolves with code 127 where the program does not exist.
 */
export function runProcess(command: string, args: readonly string[], echo = false): Promise<ProcessResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
      if (echo) process.stderr.write(chunk);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The first of `candidates` that answers `--version`, or undefined. */
export async function findProgram(candidates: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    if (candidate && (await runProcess(candidate, ["--version"])).code === 0) return candidate;
  }
  return undefined;
}
