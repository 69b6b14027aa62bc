import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunLog } from "./run-log.js";

let folder: string;
const steps = () => readFileSync(join(folder, "steps.csv"), "utf8");
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function begun(resumedAt?: number): RunLog {
  const log = new RunLog(folder);
  log.begin(resumedAt);
  return log;
}

test("a resumed run keeps the rows up to where it stands, a new one none; a row that was cut off goes", () => {
  const log = begun();
  for (const step of [0, 1, 2]) log.step({ step, loss: step / 4 });
  appendFileSync(join(folder, "steps.csv"), "3,0.7");
  expect(begun(3).steps).toHaveLength(3);
  expect(begun(1).steps).toEqual([
    { step: 0, loss: 0 },
    { step: 1, loss: 0.25 },
  ]);
  expect(steps()).toBe("step,loss\n0,0\n1,0.25\n");
  expect(begun(0).steps).toHaveLength(1);
  expect(begun().steps).toEqual([]);
});

test("a validation that is made again stands once", () => {
  begun().validation({ step: 0, gain: 0 });
  const log = begun(0);
  for (const step of [0, 4]) log.validation({ step, gain: 0.5 });
  expect(readFileSync(join(folder, "validations.csv"), "utf8")).toBe("step,gain\n0,0.5\n4,0.5\n");
});

test.skipIf(process.platform === "win32")("waits for no pipe in a file's place", () => {
  execFileSync("mkfifo", [join(folder, "steps.csv")]);
  expect(() => begun(3)).toThrow(/steps\.csv: it is not a regular file.*choose another folder/);
});

test("what could not be written is written with the next row", () => {
  const log = begun();
  log.step({ step: 1, loss: 1 });
  const [path, aside] = [join(folder, "steps.csv"), join(folder, "aside")];
  renameSync(path, aside);
  mkdirSync(path);
  expect(() => log.step({ step: 2, loss: 2 })).toThrow();
  rmSync(path, { recursive: true });
  renameSync(aside, path);
  appendFileSync(path, "2,");
  log.step({ step: 3, loss: 3 });
  log.step({ step: 4, loss: 4 });
  expect(steps()).toBe("step,loss\n1,1\n2,2\n3,3\n4,4\n");
  expect(readdirSync(folder).sort()).toEqual(["steps.csv", "validations.csv"]);
});
