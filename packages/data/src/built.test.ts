import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type Options } from "tsup";
import { afterAll, beforeAll, expect, test } from "vitest";
import config from "../tsup.config.js";
import { temporaryFolder, writeImageFolder } from "./testing/folders.js";

// What is published is the built code: it must find its worker and a user's condition, loaded as either format.
const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const outDir = join(packageFolder, "node_modules/.cache/built-test");
const run = promisify(execFile);
let dir: string;
let own: string;

beforeAll(async () => {
  // tsup takes its entries from the working folder, which is the root where all packages are tested together.
  process.chdir(packageFolder);
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  await writeFile(join(outDir, "package.json"), '{ "type": "module" }');
  for (const options of config as Options[])
    await build({
      ...options,
      outDir,
      config: false,
      dts: false,
      clean: false,
      silent: true,
      noExternal: ["@controlnet-js/core"],
      esbuildOptions(esbuild) {
        esbuild.conditions = ["@controlnet-js/source"];
        esbuild.absWorkingDir = packageFolder;
      },
    });
  dir = await writeImageFolder(2);
  const definition = `{
    name: "copy", channels: 3, range: [0, 1], polarity: "none", channelOrder: "rgb", resize: "area", blankIsError: true,
    detect: async (image) => image,
    metadata: () => ({ condition: "copy", channels: 3, range: [0, 1], options: {} }),
  }`;
  // A user's folder: Node reads TypeScript anywhere but below node_modules.
  own = await temporaryFolder();
  await writeFile(join(own, "package.json"), "{}");
  await writeFile(join(own, "condition.ts"), `export const copyCondition: object = ${definition};`);
  await writeFile(join(own, "condition.cjs"), `Object.assign(exports, { copyCondition: ${definition} });`);
  await writeFile(join(own, "condition.mjs"), `export const copyCondition = ${definition};`);
  const body = `
    const dataset = await openImageFolder(${JSON.stringify(dir)}, { size: 16, condition: { module: process.argv[2] }, workers: 1 });
    const { map, caption } = await dataset.load(1);
    console.log(JSON.stringify([caption, map.width, map.data[0]]));
    if (process.argv.includes("wait")) setInterval(() => undefined, 1000);`;
  await writeFile(join(outDir, "user.mjs"), `import { openImageFolder } from "./index.js";${body}`);
  await writeFile(
    join(outDir, "user.cjs"),
    `const { openImageFolder } = require("./index.cjs"); (async () => {${body}})();`,
  );
});
afterAll(() => Promise.all([outDir, dir, own].map((folder) => rm(folder, { recursive: true, force: true }))));

test.each([
  ["user.mjs", "condition.mjs"],
  ["user.cjs", "condition.mjs"],
  ["user.mjs", "condition.ts"],
  ["user.cjs", "condition.cjs"],
])("the build works from %s with %s, and idle workers let the program end", async (program, condition) => {
  const { stdout } = await run(process.execPath, [join(outDir, program), join(own, condition)], {
    cwd: packageFolder,
    timeout: 60_000,
  });
  expect(JSON.parse(stdout)).toEqual(["picture 1", 16, 11]);
});

test("workers end when their parent is killed", async () => {
  const parent = spawn(process.execPath, [join(outDir, "user.mjs"), join(own, "condition.mjs"), "wait"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(parent.stdout, "data");
  const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(parent.pid)]);
  const workers = stdout.trim().split(/\s+/).map(Number);
  expect(workers).toHaveLength(1);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await expect.poll(() => isRunning(workers[0]!), { timeout: 10_000 }).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
