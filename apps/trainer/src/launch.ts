import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { ControlNetError } from "@controlnet-js/core";
import { print } from "./print.js";

/** How `controlnet launch` was called. */
export interface LaunchCommand {
  processes: number;
  /** `train` and its options. */
  command: readonly string[];
}

/** How long the other processes may take to end once one has failed, in milliseconds. */
const grace = 30_000;

/**
 * Starts `controlnet train` in several processes of this machine that train together, each on a GPU of its own where
 * there are GPUs. They meet on loopback, by a token of their own. The first one's output is this one's; the others' goes to stderr, with their numbers.
 * @returns the exit code: 0 where all ended well, else that of the first that did not
 * @throws ControlNetError `config` for another command
 */
export async function launch({ processes, command }: LaunchCommand): Promise<number> {
  if (command[0] !== "train")
    throw new ControlNetError(
      "config",
      `controlnet launch: expected train and its options, got "${command.join(" ")}"; see controlnet launch --help`,
    );
  const port = String(await freePort());
  const token = randomBytes(32).toString("hex");
  const children = Array.from({ length: processes }, (_, rank) =>
    start([...command, "--distributed"], rank, {
      RANK: String(rank),
      WORLD_SIZE: String(processes),
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: port,
      CONTROLNET_GROUP_TOKEN: token,
      CUDA_VISIBLE_DEVICES: deviceOf(rank),
    }),
  );
  const signal = (name: NodeJS.Signals) => {
    for (const child of children) child.kill(name);
  };
  // A terminal's Ctrl-C reaches every process by itself.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => signal("SIGTERM"));
  let failure = 0;
  let forced: NodeJS.Timeout | undefined;
  await Promise.all(
    children.map(async (child) => {
      const code = await exitCode(child);
      if (code === 0 || failure !== 0) return;
      failure = code;
      forced = setTimeout(() => signal("SIGKILL"), grace);
    }),
  );
  clearTimeout(forced);
  return failure;
}

function start(args: readonly string[], rank: number, variables: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    env: { ...process.env, ...variables },
    // By the channel a process knows when this one is gone, however it has ended.
    stdio: rank === 0 ? ["inherit", "inherit", "inherit", "ipc"] : ["ignore", "pipe", "pipe", "ipc"],
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream) createInterface({ input: stream }).on("line", (line) => print(`[${rank}] ${line}`));
  return child;
}

const exitCode = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", (code) => resolve(code ?? 1));
  });

/** Of the GPUs that this process may use, the one for a rank; processes share them where they are more. */
function deviceOf(rank: number): string {
  const given = process.env.CUDA_VISIBLE_DEVICES?.split(",").filter(Boolean);
  return given ? (given[rank % given.length] ?? "") : String(rank);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
