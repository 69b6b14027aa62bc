import { randomUUID } from "node:crypto";
import {
  closeSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlNetError } from "../errors.js";
import { isGone, isNear, type LockHolder, readHolder, thisHolder } from "./lock-holder.js";

/** How a lock is taken. */
export interface LockOptions {
  /** What another holder means, for errors: "runTraining: another run is at work in FOLDER". */
  held: string;
  /** What else than waiting a user can do: "choose another folder". */
  otherwise?: string;
  /** Waits for a holder up to so many seconds, as long as it shows signs of life. Default 0: a lock that is held is an error. */
  wait?: number;
  /** Called once where another one holds it. */
  onWait?: () => void;
}

/** Every so many seconds a holder touches its file. */
const beat = 5;
/** A holder that did not in so many seconds is not waited for. */
const silence = 4 * beat;
/** What is written at once is there after so many seconds, or its writer is dead. */
const patience = 2;

/** A lock file as it was found. */
interface Found {
  holder: LockHolder | undefined;
  /** Another one's file differs. */
  identity: string;
  touched: Date;
}

/**
 * Holds the lock file `path`, on any file system that creates files exclusively; the folder is made where it is not
 * there. Of any number of processes that try at once, exactly one holds it. A holder that has died on this machine is
 * followed, even where its number is another process's by now; one of another machine never is, since it can't be seen
 * from here.
 * @returns what releases it
 * @throws ControlNetError `state` naming the holder and the file where another one holds it; `io` where the file can't be
 * made
 */
export async function holdLock(path: string, options: LockOptions): Promise<() => void> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  let seen = { identity: "", at: 0 };
  let told = false;
  for (;;) {
    const release = create(path);
    if (release) return release;
    const found = read(path);
    if (found?.identity !== seen.identity) seen = { identity: found?.identity ?? "", at: seconds() };
    const unchanged = seconds() - seen.at;
    if (found && (found.holder ? isGone(found.holder) : unchanged > patience)) {
      await remove(path, found.identity);
      continue;
    }
    if (found?.holder) {
      const { wait = 0 } = options;
      if (seconds() >= wait || unchanged > silence) throw heldError(path, found, options, seconds());
      if (!told) options.onWait?.();
      told = true;
    }
    await sleep(found?.holder ? 200 : 10);
  }
}

/** Creates the file and keeps it fresh; undefined where there is one. */
function create(path: string): (() => void) | undefined {
  const token = randomUUID();
  let file: number;
  try {
    mkdirSync(dirname(path), { recursive: true });
    file = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw lockError(path, error);
  }
  try {
    writeSync(file, JSON.stringify(thisHolder(token)));
  } catch (error) {
    closeSync(file);
    rmSync(path, { force: true });
    throw lockError(path, error);
  }
  const isMine = () => read(path)?.holder?.token === token;
  const timer = setInterval(() => {
    try {
      futimesSync(file, new Date(), new Date());
    } catch {
      // A sign of life is a courtesy.
    }
  }, 1000 * beat).unref();
  const release = () => {
    clearInterval(timer);
    closeSync(file);
    if (isMine()) rmSync(path, { force: true });
  };
  // Stopped for seconds between creating and writing, it was taken for dead.
  if (isMine()) return release;
  release();
  return undefined;
}

function read(path: string): Found | undefined {
  try {
    const found = lstatSync(path, { bigint: true });
    if (!found.isFile())
      throw new ControlNetError(
        "io",
        `can't hold ${path}: it is not a regular file; move it away and try again`,
      );
    const text = found.size < 4096n ? readFileSync(path, "utf8") : "";
    const identity = `${found.ino} ${found.mtimeNs} ${text}`;
    return { holder: readHolder(text), identity, touched: found.mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw lockError(path, error);
  }
}

/** Removes the file of a dead holder. One at a time does so, itself under a lock: never the file of who came after. */
async function remove(path: string, identity: string): Promise<void> {
  const release = await holdLock(`${path}.takeover`, {
    held: `a lock that was left behind, ${path}, is being removed`,
    wait: 30,
  });
  try {
    if (read(path)?.identity === identity) rmSync(path, { force: true });
  } finally {
    release();
  }
}

function heldError(path: string, { holder, touched }: Found, options: LockOptions, waited: number) {
  const { held, otherwise } = options;
  const { pid, host, since } = holder!;
  const where = isNear(holder!) ? "this machine" : `another machine or container, "${host}"`;
  const age = Math.max(0, Math.round((Date.now() - touched.getTime()) / 1000));
  return new ControlNetError(
    "state",
    `${held}: process ${pid} of ${where}${since ? ` since ${since}` : ""} holds ${path}, last sign of life ${age} s ago` +
      `${waited >= 1 ? ` (waited ${Math.round(waited)} s)` : ""}. Wait for its end${otherwise ? `, or ${otherwise}` : ""}; if it is gone, delete that file`,
  );
}

function lockError(path: string, cause: unknown): ControlNetError {
  if (cause instanceof ControlNetError) return cause;
  return new ControlNetError(
    "io",
    `can't hold ${path}: ${(cause as Error).message}; make its folder writable, or choose another`,
    { cause },
  );
}
