import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { float32Tensor, toFloat32 } from "../index.js";
import {
  openCheckpoint,
  openSafetensors,
  openWeights,
  readConfig,
  replaceFolder,
  restoreFolder,
  saveModelFolder,
} from "./index.js";

let folder: string;
let model: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "restore-"));
  model = join(folder, "net");
  await saveModelFolder(model, { version: "old" }, [float32Tensor("a", [1], Float32Array.of(1))]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const script = fileURLToPath(new URL("../testing/save-until-killed.ts", import.meta.url));
/** Replaces the model in a process that is killed at the second rename, when the model has no name. */
function killBetweenRenames(): void {
  const argv = ["--conditions=@controlnet-js/source", "--import", tsx, script, model, "2"];
  const { signal, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  expect(signal, stderr).toBe("SIGKILL");
  expect(existsSync(model)).toBe(false);
}
const versionOf = (path: string) => readConfig(path).version;

const openings: [string, () => unknown, unknown][] = [
  ["its config", () => versionOf(model), "old"],
  ["its weights", () => tensorOf(openWeights(model)), 1],
  ["its file", () => tensorOf(openSafetensors(join(model, "diffusion_pytorch_model.safetensors"))), 1],
  ["the folder as a checkpoint", () => tensorOf(openCheckpoint(model)), 1],
];
function tensorOf(source: ReturnType<typeof openSafetensors>): number | undefined {
  const [value] = toFloat32(source.get("a"));
  source.close();
  return value;
}

test.each(openings)(
  "a save that was killed between its renames lost nothing: %s opens",
  (_, open, expected) => {
    killBetweenRenames();
    expect(open()).toBe(expected);
    expect(readdirSync(folder).filter((name) => name.includes(".old-"))).toEqual([]);
  },
);

test("replacing restores too, where the new save fails, and leaves nothing old behind where it succeeds", async () => {
  killBetweenRenames();
  const part = { isPart: () => true, where: "test", what: "model" };
  await expect(replaceFolder(model, part, () => Promise.reject(new Error("full")))).rejects.toThrow(/full/);
  expect(versionOf(model)).toBe("old");
  killBetweenRenames();
  // A later one that was killed before it removed the old folder.
  await saveModelFolder(model, { version: "newer" }, []);
  expect(versionOf(model)).toBe("newer");
  expect(readdirSync(folder).filter((name) => name.includes(".old-"))).toEqual([]);
});

test("the newest of several is restored, below a folder that is itself restored", () => {
  const [above, moved] = [join(folder, "run"), join(folder, `.run.old-${crypto.randomUUID()}`)];
  mkdirSync(moved);
  const names = [1, 2, 3].map(() => `.net.old-${crypto.randomUUID()}`);
  for (const i of names.keys()) {
    mkdirSync(join(moved, `made-${i}`));
    writeFileSync(join(moved, `made-${i}`, "config.json"), JSON.stringify({ version: i }));
  }
  for (const i of [0, 2, 1]) {
    renameSync(join(moved, `made-${i}`), join(moved, names[i]!));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  expect(versionOf(join(above, "net"))).toBe(1);
  expect(readdirSync(above).sort()).toEqual([names[0], names[2], "net"].sort());
});

test("readers that restore meanwhile don't fail a save", { timeout: 60_000 }, async () => {
  let reads = true;
  const reading = (async () => {
    while (reads) {
      restoreFolder(model);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  for (let version = 0; version < 50; version++) await saveModelFolder(model, { version }, []);
  reads = false;
  await reading;
  expect(versionOf(model)).toBe(49);
  expect(readdirSync(folder)).toEqual(["net"]);
});
