import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, memory, mul, sub } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Optimizer } from "./optimizer.js";
import { findCheckpoint } from "./run-state.js";
import { runTraining } from "./run-training.js";
import { createTinyTask, tinyDataset, tinyOptions } from "./testing/tiny-task.js";
import type { TrainingListener, TrainingOptions } from "./training-options.js";

beforeAll(useCpuBackend);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "training-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The parameters after a run, as one array, and its losses. */
async function trained(change: Partial<TrainingOptions> = {}, listener: TrainingListener = {}) {
  const losses: number[] = [];
  const result = await runTraining(createTinyTask(), tinyDataset(5), tinyOptions(folder, change), {
    ...listener,
    stepped: (info) => {
      losses.push(info.loss);
      listener.stepped?.(info);
    },
  });
  const values = leavesOf(result.params).flatMap(({ value }) => [...value.dataSync()]);
  disposeTree(result.params);
  return { ...result, values, losses };
}

describe("resuming", () => {
  test("N + N steps equal 2 N steps bit for bit", async () => {
    const whole = await trained({ folder: join(folder, "whole") });
    await trained({ steps: 3 });
    const rest = await trained({ resume: true });
    expect(rest.losses).toEqual(whole.losses.slice(3));
    expect(rest.values).toEqual(whole.values);
  });

  test("also with gradient accumulation", async () => {
    const whole = await trained({ folder: join(folder, "whole"), steps: 4, accumulate: 2 });
    await trained({ steps: 2, accumulate: 2 });
    const rest = await trained({ steps: 4, accumulate: 2, resume: true });
    expect(rest.values).toEqual(whole.values);
  });

  test("also with a scaled loss, whose scale changes nothing where nothing overflows", async () => {
    const plain = await trained({ folder: join(folder, "plain") });
    await trained({ steps: 3, precision: "float16" });
    const rest = await trained({ resume: true, precision: "float16" });
    expect(rest.values).toEqual(plain.values);
  });

  test("also after kill -9", { timeout: 120_000 }, async () => {
    const whole = await trained({ folder: join(folder, "whole") });
    const run = join(folder, "killed");
    await killAfterSave(run, 2);
    const step = (await findCheckpoint(run))!.step;
    expect(step).toBeGreaterThanOrEqual(2);
    const rest = await trained({ folder: run, resume: true });
    expect(rest.values).toEqual(whole.values);
  });

  test("passes over a checkpoint that was cut short, and says so", async () => {
    const whole = await trained({ folder: join(folder, "whole") });
    await trained({ steps: 4, saveEvery: 2 });
    await truncate(join(folder, "step-00000004", "state.safetensors"), 100);
    const warnings: string[] = [];
    const rest = await trained({ resume: true }, { warned: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringMatching(/step-00000004.*passed over.*state\.safetensors/)]);
    expect(rest.losses).toHaveLength(4);
    expect(rest.values).toEqual(whole.values);
  });

  test("refuses a checkpoint of another run", async () => {
    await trained({ steps: 2 });
    await expect(trained({ resume: true, seed: 8 })).rejects.toThrow(/belongs to another run/);
    const unaveraged = { resume: true, emaDecay: 0 };
    await expect(trained(unaveraged)).rejects.toThrow(/another run; expected .*, got .*"averaged":true/);
  });

  test.each([{ globalPooling: true }, { reversedHint: true }])(
    "refuses a checkpoint of another kind of ControlNet, of the same shapes: %o",
    async (net) => {
      const begin = (kind: typeof net | undefined, change: Partial<TrainingOptions>) =>
        runTraining(
          createTinyTask({ ...(kind && { net: kind }) }),
          tinyDataset(5),
          tinyOptions(folder, change),
        );
      disposeTree((await begin(net, { steps: 2 })).params);
      await expect(begin(undefined, { resume: true })).rejects.toMatchObject({
        code: "state",
        message: expect.stringMatching(/belongs to another run/),
      });
      const { params, step } = await begin(net, { steps: 3, resume: true });
      expect(step).toBe(3);
      disposeTree(params);
    },
  );

  test("an optimizer of one's own trains, resumes to the same bits and is not taken for another", async () => {
    /** SGD with momentum, as PyTorch has it. */
    const sgd: Optimizer = {
      name: "sgd",
      slots: ["velocity"],
      scalars: (_step, rate) => ({ rate }),
      update({ parameter, gradient, slots: [velocity] }, { rate }) {
        const next = add(mul(velocity!, 0.9), gradient);
        return [sub(parameter, mul(next, rate!)), next];
      },
    };
    const whole = await trained({ folder: join(folder, "whole"), optimizer: sgd });
    expect(whole.values).not.toEqual((await trained({ folder: join(folder, "adamw") })).values);
    await trained({ steps: 3, optimizer: sgd });
    await expect(trained({ resume: true })).rejects.toThrow(
      /another run; expected .*, got .*"optimizer":"sgd"/,
    );
    expect((await trained({ resume: true, optimizer: sgd })).values).toEqual(whole.values);
  });

  test("what is not resumed is not lost: beginning anew in its folder is refused unless it is meant", async () => {
    await trained({ steps: 4 });
    await expect(trained({ steps: 2 })).rejects.toThrow(
      /holds checkpoints of an earlier run, the newest of step 4; resume it/,
    );
    expect((await findCheckpoint(folder))!.step).toBe(4);
    await trained({ steps: 2, overwrite: true });
    expect(await readdir(folder)).toEqual(["step-00000002"]);
  });

  test("a checkpoint that is no use does not push out what is saved after it, and is kept", async () => {
    await trained({ steps: 4, saveEvery: 2 });
    await truncate(join(folder, "step-00000004", "state.safetensors"), 100);
    await trained({ steps: 3, resume: true, keep: 1, saveEvery: 0 });
    const [aside, ...others] = (await readdir(folder)).sort();
    expect(aside).toMatch(/^\.invalid-step-00000004-/);
    expect((await stat(join(folder, aside!, "state.safetensors"))).size).toBe(100);
    expect(others).toEqual(["step-00000003"]);
    await trained({ steps: 4, resume: true, keep: 1 });
    expect((await readdir(folder)).sort()).toEqual([aside, "step-00000004"]);
  });

  test("never begins anew beside checkpoints of which none is valid", async () => {
    await trained({ steps: 4 });
    for (const step of ["step-00000002", "step-00000004"])
      await truncate(join(folder, step, "state.safetensors"), 100);
    for (const resume of [true, false])
      await expect(trained({ resume })).rejects.toMatchObject({
        code: "state",
        message: expect.stringMatching(/holds checkpoints of an earlier run, the newest of step 4.*overwrit/),
      });
    expect((await readdir(folder)).sort()).toEqual(["step-00000002", "step-00000004"]);
  });

  /** What is done to the newest checkpoint, step 4; the older one, step 2, is whole. */
  type Harm = (checkpoint: string) => unknown;
  const manifest =
    (content: string): Harm =>
    (at) =>
      writeFile(join(at, "manifest.json"), content);
  const changed =
    (change: object): Harm =>
    async (at) => {
      const path = join(at, "manifest.json");
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
    };
  const inPlaceOf =
    (name: string, put: (path: string) => unknown): Harm =>
    async (at) => {
      await rm(join(at, name), { recursive: true, force: true });
      await put(join(at, name));
    };
  const fifo = (path: string) => execFileSync("mkfifo", [path]);
  const loop = (path: string) => symlink(basename(path), path);
  const longLink = (path: string) => symlink("x".repeat(300), path);

  test.each<[string, Harm, string, RegExp]>([
    ["a folder for a manifest", inPlaceOf("manifest.json", mkdir), "io", /EISDIR|not a regular file/],
    ["a FIFO for a manifest", inPlaceOf("manifest.json", fifo), "io", /not a regular file/],
    ["a link loop", inPlaceOf("manifest.json", loop), "io", /ELOOP/],
    ["a link that is too long", inPlaceOf("state.safetensors", longLink), "io", /ENAMETOOLONG/],
    ["a folder for the state", inPlaceOf("state.safetensors", mkdir), "io", /EISDIR|not a regular file/],
    ["a FIFO for the state", inPlaceOf("state.safetensors", fifo), "io", /not a regular file/],
    ["a file for the folder", inPlaceOf(".", (path) => writeFile(path, "")), "io", /ENOTDIR/],
    ["a link loop for the folder", inPlaceOf(".", loop), "io", /ELOOP/],
    [
      "a later version",
      changed({ version: 2 }),
      "unsupported",
      /later version \(run state 2; this version reads 1\)/,
    ],
  ])(
    "an older checkpoint is not silently taken where the newest can't be read: %s",
    async (_, harm, code, reason) => {
      await trained({ steps: 4 });
      await harm(join(folder, "step-00000004"));
      for (let time = 0; time < 2; time++)
        await expect(trained({ resume: true })).rejects.toMatchObject({
          code,
          message: expect.stringMatching(new RegExp(`step-00000004.*(${reason.source}).*move.* away`)),
        });
      expect((await readdir(folder)).sort()).toEqual(["step-00000002", "step-00000004"]);
    },
  );

  test.each<[string, Harm, RegExp]>([
    ["null", manifest("null"), /another format/],
    ["[]", manifest("[]"), /another format/],
    ["a number", manifest("4"), /another format/],
    ["an empty manifest", manifest(""), /not JSON/],
    ["a cut manifest", (at) => truncate(join(at, "manifest.json"), 50), /not JSON/],
    ["no manifest", (at) => rm(join(at, "manifest.json")), /manifest is missing/],
    ["another format", changed({ format: "x" }), /another format/],
    ["a version that is no number", changed({ version: "1" }), /of version "1", expected 1/],
    ["version 0", changed({ version: 0 }), /of version 0/],
    ["another step", changed({ step: 5 }), /of step 5/],
    ["no files", changed({ files: null }), /lists no files/],
    ["a list of files", changed({ files: ["state.safetensors"] }), /lists no files/],
    ["a hash that is none", changed({ files: { "state.safetensors": 5 } }), /not have the content/],
    ["a file elsewhere", changed({ files: { "../step-00000002/manifest.json": "" } }), /not in its folder/],
    ["no state", (at) => rm(join(at, "state.safetensors")), /state\.safetensors is missing/],
    [
      "another state",
      (at) => writeFile(join(at, "state.safetensors"), "x"),
      /state\.safetensors does not have/,
    ],
  ])("what is damaged is set aside and told, and the one before is taken: %s", async (_, harm, reason) => {
    await trained({ steps: 4 });
    await harm(join(folder, "step-00000004"));
    const warnings: string[] = [];
    const rest = await trained({ resume: true }, { warned: (message) => warnings.push(message) });
    expect(rest.losses).toHaveLength(4);
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`step-00000004.*passed over.*${reason.source}.*kept as .*\\.invalid-step-00000004-`),
      ),
    ]);
    expect((await readdir(folder)).filter((name) => name.startsWith(".invalid-step-00000004-"))).toHaveLength(
      1,
    );
  });

  test("a process that has no files left to open does not begin anew", { timeout: 120_000 }, async () => {
    await trained({ steps: 2 });
    const out = spawnSync(process.execPath, [...runArguments("resume-without-files.ts"), folder], {
      encoding: "utf8",
    });
    expect(out.stdout, out.stderr).toMatch(/^io can't read .*: EMFILE/);
    expect(await readdir(folder)).toEqual(["step-00000002"]);
  });
});

test("a run that fails leaves no tensors; one that can't begin leaves the task's as they were", async () => {
  await trained({ steps: 1 });
  const task = createTinyTask();
  await expectNoTensorLeak(async () => {
    await expect(runTraining(task, tinyDataset(5), tinyOptions(folder))).rejects.toThrow(/resume it/);
    await expect(
      runTraining(task, tinyDataset(5), tinyOptions(folder, { resume: true, seed: 8 })),
    ).rejects.toThrow(/another run/);
  });
  const before = memory().numTensors - leavesOf(task.params).length;
  const failing = tinyOptions(join(folder, "failing"), { learningRate: 1e30 });
  await expect(runTraining(task, tinyDataset(5), failing)).rejects.toThrow(/the loss is/);
  expect(memory().numTensors).toBe(before);
});

test.each([
  { steps: 0 },
  { steps: 1.5 },
  { learningRate: Number.NaN },
  { emaDecay: 1 },
  { validateEvery: -1 },
])("numbers that can't be are refused before anything is made: %o", async (change) => {
  const [name] = Object.keys(change);
  await expect(trained(change)).rejects.toMatchObject({
    code: "config",
    message: expect.stringContaining(`expected ${name} `),
  });
  expect(await readdir(folder)).toEqual([]);
});

test("an aborted run saves where it stands", async () => {
  const controller = new AbortController();
  const result = await trained(
    { signal: controller.signal, saveEvery: 0 },
    { stepped: ({ step }) => step === 3 && controller.abort() },
  );
  expect(result).toMatchObject({ reason: "aborted", saved: true });
  expect((await findCheckpoint(folder))!.step).toBe(3);
});

test("an abort does not wait for a validation", async () => {
  const controller = new AbortController();
  const task = createTinyTask();
  let measured = 0;
  const result = await runTraining(
    {
      ...task,
      validate(params, step, signal) {
        measured++;
        if (step === 2) controller.abort();
        return task.validate!(params, step, signal);
      },
    },
    tinyDataset(5),
    tinyOptions(folder, { signal: controller.signal, validateEvery: 2, saveEvery: 0 }),
    { validated: (_report, step) => expect(step).toBe(0) },
  );
  disposeTree(result.params);
  expect(measured).toBe(2);
  expect((await findCheckpoint(folder))!.step).toBe(2);
});

test("a save that fails leaves the checkpoint before it, and the run goes on", async () => {
  const warnings: string[] = [];
  const task = createTinyTask();
  const result = await runTraining(
    {
      ...task,
      async publish(params, target, step) {
        if (step === 4) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        await task.publish(params, target, step);
      },
    },
    tinyDataset(5),
    tinyOptions(folder),
    { warned: (message) => warnings.push(message) },
  );
  disposeTree(result.params);
  expect(warnings).toEqual([
    expect.stringMatching(/step 4 was not saved.*disk is full.*is .*step-00000002$/),
  ]);
  expect((await readdir(folder)).sort()).toEqual(["step-00000002", "step-00000006"]);
  expect(result).toMatchObject({ saved: true, checkpoint: join(folder, "step-00000006") });
});

test("a last save that fails is told by the result", async () => {
  const task = createTinyTask();
  const publish = () => Promise.reject(Object.assign(new Error("disk full"), { code: "ENOSPC" }));
  const result = await runTraining({ ...task, publish }, tinyDataset(5), tinyOptions(folder, { steps: 1 }));
  disposeTree(result.params);
  expect(result).toMatchObject({ saved: false, reason: "finished" });
  expect(result.checkpoint).toBeUndefined();
});

test("validation asks whether the hint is used; a fresh ControlNet ignores it", async () => {
  const reports: Record<string, number>[] = [];
  await trained({ steps: 2, validateEvery: 2 }, { validated: (report) => void reports.push(report) });
  expect(reports).toHaveLength(2);
  expect(reports[0]!.hint_gain).toBe(0);
  expect(reports[0]!.link_norm).toBe(0);
  expect(reports[1]!.link_norm).toBeGreaterThan(0);
});

test("a loss that is no number ends the run and names the step", async () => {
  await expect(trained({ learningRate: 1e30 })).rejects.toThrow(
    /the loss is .* at step \d.*newest checkpoint from before is/,
  );
});

test("nothing leaks", async () => {
  await trained({ steps: 1 });
  const task = createTinyTask();
  const { params } = task;
  await expectNoTensorLeak(async () => {
    const kept = leavesOf(params).length;
    const result = await runTraining(
      task,
      tinyDataset(5),
      tinyOptions(folder, { steps: 3, validateEvery: 2, overwrite: true }),
    );
    expect(leavesOf(result.params)).toHaveLength(kept);
  });
});

/** What runs a script of `testing` from source. */
function runArguments(script: string): string[] {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const path = fileURLToPath(new URL(`testing/${script}`, import.meta.url));
  return ["--conditions=@controlnet-js/source", "--import", tsx, path];
}

async function killAfterSave(run: string, step: number): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [...runArguments("train-until-killed.ts"), run]);
  let errors = "";
  child.stderr!.on("data", (chunk) => (errors += chunk));
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on(
      "data",
      (chunk: Buffer) => String(chunk).includes(`saved ${step}`) && child.kill("SIGKILL"),
    );
    child.on("exit", (_code, signal) => (signal === "SIGKILL" ? resolve() : reject(new Error(errors))));
  });
}
