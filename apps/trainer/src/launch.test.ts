import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { launch } from "./launch.js";
import { createProgram } from "./program.js";
import { captureStderr } from "./testing/capture-stderr.js";

let folder: string;
let told: () => string;
const [node, program] = process.argv;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "launch-"));
  told = captureStderr();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.argv = [node!, program!];
  rmSync(folder, { recursive: true, force: true });
});

/** Lets this body stand for the command line. */
function programOf(body: string): void {
  const path = join(folder, "program.mjs");
  const head = `import { writeFileSync } from "node:fs"; const { RANK, WORLD_SIZE, MASTER_PORT, CUDA_VISIBLE_DEVICES } = process.env;`;
  writeFileSync(path, `${head}\n${body}`);
  process.argv = [node!, path];
}

test("each process gets its place, the same meeting point, a GPU of its own, and is asked to train together", async () => {
  vi.stubEnv("CUDA_VISIBLE_DEVICES", "4,6");
  programOf(`
    const seen = { size: WORLD_SIZE, port: MASTER_PORT, gpu: CUDA_VISIBLE_DEVICES, args: process.argv.slice(2) };
    writeFileSync(${JSON.stringify(folder)} + "/" + RANK + ".json", JSON.stringify(seen));
    if (RANK !== "0") console.log("hello");`);
  expect(await launch({ processes: 3, command: ["train", "--config", "c.yaml"] })).toBe(0);
  const seen = [0, 1, 2].map((rank) => JSON.parse(readFileSync(join(folder, `${rank}.json`), "utf8")));
  expect(seen.map(({ gpu }) => gpu)).toEqual(["4", "6", "4"]);
  for (const { size, port, args } of seen)
    expect({ size, port, args }).toEqual({
      size: "3",
      port: seen[0].port,
      args: ["train", "--config", "c.yaml", "--distributed"],
    });
  expect(told()).toContain("[1] hello\n");
});

test("each launch has a random token, the same for its processes, whatever the caller's", async () => {
  vi.stubEnv("CONTROLNET_GROUP_TOKEN", "known");
  programOf(`
    const { CONTROLNET_GROUP_TOKEN: token, MASTER_ADDR: host } = process.env;
    writeFileSync(${JSON.stringify(folder)} + "/" + RANK + process.argv[3], JSON.stringify({ token, host }));`);
  for (const run of ["a", "b"]) await launch({ processes: 2, command: ["train", run] });
  const read = (name: string) =>
    JSON.parse(readFileSync(join(folder, name), "utf8")) as { token: string; host: string };
  expect(read("0a")).toEqual(read("1a"));
  expect(read("0a")).toEqual({ token: expect.stringMatching(/^[0-9a-f]{64}$/), host: "127.0.0.1" });
  expect(read("0b").token).not.toBe(read("0a").token);
});

test("a process that fails gives its exit code", async () => {
  programOf("process.exit(RANK === '1' ? 7 : 0)");
  expect(await launch({ processes: 2, command: ["train"] })).toBe(7);
});

test("each process knows when the launcher is gone, killed as it may be", { timeout: 60_000 }, async () => {
  const here = JSON.stringify(folder);
  programOf(`
    writeFileSync(${here} + "/here-" + RANK, "");
    process.on("disconnect", () => { writeFileSync(${here} + "/gone-" + RANK, ""); process.exit(); });
    setInterval(() => {}, 1000);`);
  const launcher = join(folder, "launcher.mjs");
  writeFileSync(
    launcher,
    `const { launch } = await import(${JSON.stringify(new URL("launch.ts", import.meta.url).href)});
    process.argv[1] = ${JSON.stringify(process.argv[1])};
    process.execArgv.length = 0;
    await launch({ processes: 2, command: ["train"] });`,
  );
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const child = spawn(process.execPath, ["--conditions=@controlnet-js/source", "--import", tsx, launcher]);
  const all = (name: string) =>
    vi.waitFor(
      () => expect([0, 1].every((rank) => existsSync(join(folder, `${name}-${rank}`)))).toBe(true),
      20_000,
    );
  await all("here");
  child.kill("SIGKILL");
  await all("gone");
});

test("the help says what TensorFlow's server gives away", () => {
  const launching = createProgram().commands.find((command) => command.name() === "launch")!;
  let help = "";
  launching.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  expect(help).toMatch(/whoever reaches its port has the rights of the process/);
  expect(help).toMatch(/private network/);
});

test("other commands are refused", async () => {
  await expect(launch({ processes: 2, command: ["sample", "x"] })).rejects.toThrow(
    /expected train and its options, got "sample x"/,
  );
});
