import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { holdLock } from "./lock-file.js";

const folder = mkdtempSync(join(tmpdir(), "lock-file-"));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
const options = { held: "the folder is in use", otherwise: "choose another folder" };
const script = fileURLToPath(new URL("../testing/hold-when-told.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** A process that holds what it is told to. Each has a folder of its own for temporary files. */
async function start(name: string): Promise<ChildProcess> {
  const own = join(folder, `tmp-${name}`);
  mkdirSync(own);
  const child = fork(script, { execArgv: ["--import", tsx], env: { ...process.env, TMPDIR: own } });
  children.push(child);
  expect(await answer(child)).toBe("ready");
  return child;
}
const answer = async (child: ChildProcess): Promise<string> => (await once(child, "message"))[0];
const tell = (child: ChildProcess, path: string): Promise<string> => {
  const said = answer(child);
  child.send(path);
  return said;
};
/** The lock file of a process that holds it. */
const holderOf = async (path: string) => {
  const release = await holdLock(path, options);
  const holder = JSON.parse(readFileSync(path, "utf8"));
  release();
  return holder;
};

test("of many processes at once exactly one holds a lock, a new one and one whose holder was killed", {
  timeout: 120_000,
}, async () => {
  const processes = await Promise.all(Array.from({ length: 8 }, (_, i) => start(`many-${i}`)));
  const killed = await start("killed");
  const left = join(folder, "left");
  expect(await tell(killed, left)).toBe("held");
  expect(await tell(processes[0]!, left)).toMatch(
    new RegExp(
      `^test: process ${killed.pid} of this machine since \\d{4}-.* holds ${left}, last sign of life`,
    ),
  );
  killed.kill("SIGKILL");
  await once(killed, "exit");
  for (let round = 0; round < 24; round++) {
    const path = join(folder, `round-${round}`);
    if (round % 2) writeFileSync(path, readFileSync(left));
    const answers = await Promise.all(processes.map((child) => tell(child, path)));
    expect(answers.filter((said) => said === "held")).toHaveLength(1);
    expect(answers.filter((said) => /process \d+ of this machine/.test(said))).toHaveLength(7);
  }
  expect(readdirSync(folder).filter((name) => name.includes("takeover"))).toEqual([]);
});

test("a number that is another process's by now, a dead process that nobody buried, an earlier boot: none holds", async () => {
  const path = join(folder, "reused");
  const holder = await holderOf(path);
  const shell = spawn("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"]);
  children.push(shell);
  const unburied = Number((await once(shell.stdout, "data"))[0]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const change of [{ start: "1" }, { boot: "another" }, { pid: unburied, start: undefined }]) {
    if ("boot" in change && holder.boot === undefined) continue;
    writeFileSync(path, JSON.stringify({ ...holder, ...change }));
    (await holdLock(path, options))();
    expect(existsSync(path)).toBe(false);
  }
});

test("another machine's lock is never taken; the error names process, machine, file and way out", async () => {
  const path = join(folder, "other-host");
  const holder = await holderOf(path);
  const elsewhere = [{ host: "far" }, ...(holder.namespace ? [{ namespace: "pid:[1]" }] : [])];
  for (const change of elsewhere) {
    const text = JSON.stringify({ ...holder, pid: 2 ** 30, ...change });
    writeFileSync(path, text);
    await expect(holdLock(path, options)).rejects.toMatchObject({
      code: "state",
      message: expect.stringMatching(
        /in use: process 1073741824 of another machine or container, "\w.*other-host, last sign of life 0 s ago\. Wait for its end, or choose another folder; if it is gone, delete that file/,
      ),
    });
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});

test("waits for a limited time", async () => {
  const path = join(folder, "waits");
  writeFileSync(path, "12 far");
  let waits = 0;
  await expect(holdLock(path, { ...options, wait: 1, onWait: () => waits++ })).rejects.toThrow(
    /process 12 of another machine.*holds .*waits.*\(waited 1 s\)/,
  );
  expect(waits).toBe(1);
});

test("a file that names no holder holds nobody for long", async () => {
  const texts = ["", "{", "null", "0 x", `-1 ${hostname()}`, "x".repeat(10_000)];
  await Promise.all(
    texts.map(async (text, i) => {
      const path = join(folder, `nobody-${i}`);
      writeFileSync(path, text);
      (await holdLock(path, options))();
      expect(existsSync(path)).toBe(false);
    }),
  );
});

test("what is no lock file is left alone, by name", async () => {
  const path = join(folder, "is-folder");
  mkdirSync(path);
  await expect(holdLock(path, options)).rejects.toMatchObject({
    code: "io",
    message: expect.stringContaining(path),
  });
  await expect(holdLock("/dev/null/x.lock", options)).rejects.toMatchObject({ code: "io" });
});

test("releasing leaves the file of who came after", async () => {
  const path = join(folder, "released");
  const release = await holdLock(path, options);
  rmSync(path);
  const later = await holdLock(path, options);
  release();
  await expect(holdLock(path, options)).rejects.toMatchObject({ code: "state" });
  later();
});
