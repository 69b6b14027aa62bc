import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "./lock.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("one at a time, and the lock is gone afterwards", async () => {
  const path = join(folder, "a.lock");
  let inside = 0;
  let most = 0;
  let waited = 0;
  const body = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 50));
    inside--;
  };
  await Promise.all([1, 2, 3].map(() => withLock(path, body, () => waited++)));
  expect(most).toBe(1);
  expect(waited).toBe(2);
  expect(existsSync(path)).toBe(false);
});

test("a lock left by a killed process is taken over", async () => {
  const path = join(folder, "b.lock");
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
  writeFileSync(path, `${child.pid} ${hostname()}`);
  const done = withLock(path, async () => "mine");
  const early = await Promise.race([
    done,
    new Promise((resolve) => setTimeout(() => resolve("waiting"), 400)),
  ]);
  expect(early).toBe("waiting");
  child.kill("SIGKILL");
  expect(await done).toBe("mine");
});

test("an error inside releases the lock", async () => {
  const path = join(folder, "c.lock");
  await expect(withLock(path, () => Promise.reject(new Error("boom")))).rejects.toThrow("boom");
  expect(await withLock(path, async () => 1)).toBe(1);
});

test("a holder that shows no sign of life is not waited for for ever, and the file is named", async () => {
  const path = join(folder, "d.lock");
  writeFileSync(path, "1 another-host");
  await expect(withLock(path, async () => 1)).rejects.toMatchObject({
    code: "state",
    message: expect.stringMatching(
      /process 1 of another machine.*"another-host" holds .*d\.lock.*delete that file/,
    ),
  });
  expect(readFileSync(path, "utf8")).toBe("1 another-host");
});
