import { type ChildProcess, spawn } from "node:child_process";

/** How a child process ended. */
export interface ProcessResult {
  code: number;
  output: string;
}

const running = new Set<ChildProcess>();
const endAll = (): void => {
  for (const child of running) child.kill();
};

/**
 * Runs a program to its end and collects what it printed; it ends with this process. `variables` are added to its
 * environment. Resolves with code 127 where the program does not exist.
 */
export function runProcess(
  command: string,
  args: readonly string[],
  variables: NodeJS.ProcessEnv = {},
): Promise<ProcessResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
    if (running.size === 0) process.once("exit", endAll);
    running.add(child);
    const settle = (result: ProcessResult): void => {
      if (running.delete(child) && running.size === 0) process.off("exit", endAll);
      resolve(result);
    };
    let output = "";
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => settle({ code: 127, output: error.message }));
    child.on("close", (code) => settle({ code: code ?? 1, output }));
  });
}

/** The first of `candidates` that answers `--version`, or undefined. */
export async function findProgram(candidates: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    if (candidate && (await runProcess(candidate, ["--version"])).code === 0) return candidate;
  }
  return undefined;
}
