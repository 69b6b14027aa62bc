// Kills the set-up at every one of its stages. It downloads and compiles, so it runs with CONTROLNET_SLOW=1 only; the
// addon's part runs always.
import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
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
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { buildAddon, prebuiltAddon, prebuiltPath } from "./build-addon.js";
import { findLibTensorFlow, isProvisioned } from "./find-library.js";

const slow = process.env.CONTROLNET_SLOW === "1";
const workspace = fileURLToPath(new URL("../../../", import.meta.url));
const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
const command = fileURLToPath(new URL("./cli.ts", import.meta.url));

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "install-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

/** A library and an addon for it, shipped with a package, for a test with a cache of its own. */
async function shipAddon() {
  const library = findLibTensorFlow()!;
  const addon = await buildAddon(library);
  // Special flags ask for a build, whatever is shipped.
  vi.stubEnv("CONTROLNET_ADDON_FLAGS", undefined);
  vi.stubEnv("CONTROLNET_CACHE", cache);
  expect(prebuiltAddon(cache)).toBeUndefined();
  copyFileSync(addon, prebuiltPath(cache));
  return { library, addon };
}

test("a prebuilt addon is used as it is, without a compiler", { timeout: 300_000 }, async () => {
  const { library, addon } = await shipAddon();
  expect(prebuiltAddon(cache)).toBe(prebuiltPath(cache));
  vi.stubEnv("CXX", "/nonexistent");
  const used = await buildAddon(library, undefined, prebuiltAddon(cache));
  expect(used.startsWith(cache)).toBe(true);
  expect(readFileSync(used).equals(readFileSync(addon))).toBe(true);
  // It finds libtensorflow beside itself.
  expect(existsSync(join(used, "..", "libtensorflow_cc.so.2"))).toBe(true);
});

test("what a killed build left behind is no obstacle and goes", { timeout: 300_000 }, async () => {
  const { library } = await shipAddon();
  const addons = join(cache, "tensorflow", "addon");
  mkdirSync(join(addons, "0123.partial-1"), { recursive: true });
  writeFileSync(join(addons, "0123.partial-1", "3.o"), "half an object");
  const gone = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => gone.once("close", resolve));
  writeFileSync(join(cache, "tensorflow", "addon.lock"), `${gone.pid} ${hostname()}`);
  const used = await buildAddon(library, undefined, prebuiltAddon(cache));
  expect(existsSync(used)).toBe(true);
  expect(readdirSync(addons)).toHaveLength(1);
  expect(readdirSync(join(cache, "tensorflow"))).not.toContain("addon.lock");
});

test("a folder that lacks a library or its manifest does not count as installed", () => {
  vi.stubEnv("CONTROLNET_CACHE", cache);
  const folder = join(cache, "tensorflow", "2.21.0-cpu");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "libtensorflow_cc.so.2"), "");
  expect(isProvisioned("cpu")).toBe(false);
  const files = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ files }));
  expect(isProvisioned("cpu")).toBe(false);
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ files: files.slice(0, 1) }).slice(0, 9));
  expect(isProvisioned("cpu")).toBe(false);
});

const install = (): ChildProcess =>
  spawn(process.execPath, ["--conditions=@controlnet-js/source", "--import", tsx, command, "install"], {
    cwd: workspace,
    detached: true,
    stdio: "ignore",
    env: { ...process.env, CONTROLNET_CACHE: cache },
  });

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("close", resolve));

/** Every stage by what it leaves in the cache while it runs. */
const stages: [string, (names: string[], addons: string[]) => boolean][] = [
  ["downloading", (names) => names.some((name) => name.startsWith("download-"))],
  ["downloaded", (names) => names.includes("downloads")],
  ["unpacking", (names) => names.some((name) => name.includes(".partial-"))],
  ["compiling", (_, addons) => addons.some((name) => name.includes(".partial-"))],
];

const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

test.skipIf(!slow)(
  "an install killed at any stage is completed by the next",
  { timeout: 3_600_000 },
  async () => {
    const folder = join(cache, "tensorflow");
    for (const [stage, reached] of stages) {
      const child = install();
      const over = ended(child);
      while (!reached(list(folder), list(join(folder, "addon"))) && child.exitCode === null) await sleep(20);
      expect(child.exitCode, stage).toBeNull();
      await sleep(300);
      process.kill(-child.pid!, "SIGKILL");
      await over;
    }
    expect(await ended(install())).toBe(0);
    const left = readdirSync(folder);
    expect(left.filter((name) => /partial|download|lock/.test(name))).toEqual([]);
    vi.stubEnv("CONTROLNET_CACHE", cache);
    expect(isProvisioned("cpu")).toBe(true);
  },
);
