import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { holdFolder } from "./run-state.js";

const folder = mkdtempSync(join(tmpdir(), "lock-"));
const run = join(folder, "run");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a folder is held by one run at a time, under whatever name", async () => {
  const release = await holdFolder(run);
  symlinkSync(run, join(folder, "other-name"));
  for (const name of ["run", "other-name"])
    await expect(holdFolder(join(folder, name))).rejects.toMatchObject({
      code: "state",
      message: expect.stringMatching(/another run is at work in .*choose another folder/),
    });
  const elsewhere = await holdFolder(join(folder, "elsewhere"));
  await elsewhere();
  await release();
  await (await holdFolder(run))();
});

test("a folder that can't be made holds nobody up: writing into it tells why", async () => {
  await (await holdFolder("/dev/null/run"))();
});

test("what holds a folder lies in it, names the process and goes with the run", async () => {
  const release = await holdFolder(run);
  expect(readdirSync(run)).toEqual([".lock"]);
  expect(JSON.parse(readFileSync(join(run, ".lock"), "utf8"))).toMatchObject({ pid: process.pid });
  await release();
  expect(readdirSync(run)).toEqual([]);
});
