import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** The process that holds a lock, as its file tells. */
export interface LockHolder {
  pid: number;
  host: string;
  /** Of this one holding; absent in files of earlier versions, which are `PID HOST`. */
  token?: string;
  /** When it began to hold, ISO 8601. */
  since?: string;
  /** What tells the process from a later one of its number, and its machine from another one of its name. */
  start?: string;
  boot?: string;
  machine?: string;
  namespace?: string;
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
};

/** This process, as its locks tell of it. */
export function thisHolder(token: string): LockHolder {
  const { start } = processOf(process.pid) ?? {};
  let namespace: string | undefined;
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Only Linux has them.
  }
  return {
    pid: process.pid,
    host: hostname(),
    token,
    since: new Date().toISOString(),
    start,
    boot: textOf("/proc/sys/kernel/random/boot_id"),
    machine: textOf("/etc/machine-id"),
    namespace,
  };
}

/** Reads what {@link thisHolder} says, or an earlier version's `PID HOST`; undefined for anything else. */
export function readHolder(text: string): LockHolder | undefined {
  const isPid = (pid: unknown) => Number.isInteger(pid) && (pid as number) > 0;
  const earlier = /^(\d+) (\S+)$/.exec(text);
  if (earlier && isPid(Number(earlier[1]))) return { pid: Number(earlier[1]), host: earlier[2]! };
  try {
    const holder = JSON.parse(text) as LockHolder;
    return isPid(holder.pid) && typeof holder.host === "string" ? holder : undefined;
  } catch {
    return undefined;
  }
}

const differ = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && a !== b;

/**
 * Whether a holder is there no more: `false` too where this can't be known from here, as of another machine or of a
 * container that does not show its processes.
 */
export function isGone(holder: LockHolder): boolean {
  const here = thisHolder("");
  if (holder.host !== here.host || differ(holder.machine, here.machine)) return false;
  if (differ(holder.boot, here.boot)) return true;
  if (differ(holder.namespace, here.namespace)) return false;
  const found = processOf(holder.pid);
  return found === undefined || differ(holder.start, found.start);
}

/** Whether {@link isGone} can see the holder's processes. */
export function isNear(holder: LockHolder): boolean {
  const here = thisHolder("");
  return (
    holder.host === here.host &&
    !differ(holder.machine, here.machine) &&
    !differ(holder.namespace, here.namespace)
  );
}

/** A process that runs, with its start where the system tells; undefined for one that is gone or dead but not buried. */
function processOf(pid: number): { start?: string } | undefined {
  const status = textOf(`/proc/${pid}/stat`);
  if (status !== undefined) {
    // The name before it, in brackets, may hold anything.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    return /[ZX]/.test(fields[0]!) ? undefined : { start: fields[19]! };
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  if (process.platform === "win32" || process.platform === "linux") return {};
  try {
    const options = { encoding: "utf8", env: { ...process.env, LC_ALL: "C" }, stdio: "pipe" } as const;
    return { start: execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], options).trim() };
  } catch {
    return {};
  }
}
