// Starts the processes of a group, as different launchers do, and collects what each one wrote.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../collectives/meeting.js";

const workspace = fileURLToPath(new URL("../../../../", import.meta.url));
const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
const fixture = fileURLToPath(new URL("./group-process.ts", import.meta.url));
const script = ["--conditions=@controlnet-js/source", "--import", tsx, fixture];

/** What one process left: its exit code, where the launcher tells, and what it reported. */
export interface Outcome {
  code: number | null;
  reported: unknown;
}

/** A way to start a group. */
export interface Launcher {
  name: string;
  /** Why it cannot be used here; undefined where it can. */
  missing: string | undefined;
  /** Whether it ends the whole group by itself when one process is killed, whatever it is told. */
  endsSurvivors: boolean;
  start(size: number, what: string, environment: NodeJS.ProcessEnv): Promise<(number | null)[]>;
}

function run(command: string, args: string[], environment: NodeJS.ProcessEnv): Promise<number | null> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: environment, cwd: workspace, stdio: "ignore" });
    child.on("close", resolve);
  });
}

/** Plain processes that find each other by torchrun's variables and compute through TensorFlow. */
export const plainProcesses: Launcher = {
  name: "TensorFlow",
  missing: undefined,
  endsSurvivors: false,
  async start(size, what, environment) {
    const port = await freePort();
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    return await Promise.all(
      ranks.map((rank) =>
        run(process.execPath, [...script, what], {
          ...environment,
          RANK: `${rank}`,
          WORLD_SIZE: `${size}`,
          MASTER_ADDR: "127.0.0.1",
          MASTER_PORT: `${port}`,
        }),
      ),
    );
  },
};

/** An `mpirun`, told to let survivors go on, so that they can say what they noticed. */
function mpirun(
  name: string,
  commands: string[],
  version: RegExp,
  flags: string[],
  endsSurvivors: boolean,
): Launcher {
  const command = commands.find((candidate) => {
    const { stdout, status } = spawnSync(candidate, ["--version"], { encoding: "utf8" });
    return status === 0 && version.test(stdout);
  });
  return {
    name,
    missing: command ? undefined : `no mpirun of ${name} on this machine`,
    endsSurvivors,
    async start(size, what, environment) {
      const args = [...flags, "-n", `${size}`, process.execPath, ...script, what];
      // MPI's plug-ins leak and are gone when leaks are looked for, so a sanitizer cannot tell whose they are.
      const sanitizer = [environment.ASAN_OPTIONS, "detect_leaks=0"].filter(Boolean).join(":");
      const code = await run(command!, args, { ...environment, ASAN_OPTIONS: sanitizer });
      return Array.from({ length: size }, () => code);
    },
  };
}

const openMpiFlags = ["--allow-run-as-root", "--oversubscribe", "--enable-recovery"];
const openMpiCommands = ["mpirun", "mpirun.openmpi"];
export const openMpi: Launcher = mpirun("Open MPI", openMpiCommands, /Open MPI|OpenRTE/, openMpiFlags, false);

const mpichCommands = ["mpirun", "mpirun.mpich", "mpiexec.hydra"];
export const mpich: Launcher = mpirun("MPICH", mpichCommands, /HYDRA/, ["-disable-auto-cleanup"], true);

/** Starts `size` processes that do `what`; resolves when all have ended. */
export async function startGroup(
  launcher: Launcher,
  size: number,
  what: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), "group-"));
  try {
    const codes = await launcher.start(size, what, {
      ...process.env,
      GROUP_OUTCOMES: folder,
      ...environment,
    });
    return codes.map((code, rank) => {
      const path = join(folder, `${rank}.json`);
      return { code, reported: existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
