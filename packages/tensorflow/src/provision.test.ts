import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
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
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { downloadWheel, provision } from "./provision.js";
import { cudaWheels, platforms, pythonVersion, type Wheel, wheelFor } from "./wheel.js";

let cache: string;
let wheelhouse: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "provision-"));
  wheelhouse = join(cache, "wheelhouse");
  mkdirSync(wheelhouse);
  vi.stubEnv("CONTROLNET_CACHE", cache);
  // pip itself, without a network.
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", wheelhouse);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

const python = "python3";
const silent = () => {};
const engine = () => join(cache, "tensorflow");
const left = () => (existsSync(engine()) ? readdirSync(engine()) : []).filter((name) => name !== "downloads");

/** Puts a wheel of one empty module into the wheelhouse. */
function publish(name: string, version: string, tag: string, body = ""): Wheel {
  const file = `${name.replaceAll("-", "_")}-${version}`;
  const path = join(wheelhouse, `${file}-py3-none-${tag}.whl`);
  const script = `
import sys, zipfile
path, info, name, version, body = sys.argv[1:]
with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("module.py", body)
    archive.writestr(info + "/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\nRequires-Dist: absent\\n")
    archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
    archive.writestr(info + "/RECORD", "")
`;
  const { status, stderr } = spawnSync(python, [
    "-c",
    script,
    path,
    `${file}.dist-info`,
    name,
    version,
    body,
  ]);
  if (status !== 0) throw new Error(String(stderr));
  return { name, version, sha256: createHash("sha256").update(readFileSync(path)).digest("hex") };
}

test("each wheel is one exact version with one hash; the CUDA ones are what TensorFlow asks for", () => {
  const wheels = [wheelFor("cpu", "linux", "x64"), wheelFor("cuda", "linux", "x64"), ...cudaWheels];
  for (const { version, sha256 } of wheels) {
    expect(version).toMatch(/^\d+(\.\d+)+$/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(new Set(wheels.map(({ sha256 }) => sha256)).size).toBe(wheels.length);
  const parts = ["cublas", "cuda-cupti", "cuda-nvcc", "cuda-nvrtc", "cuda-runtime", "cudnn", "cufft"];
  parts.push("curand", "cusolver", "cusparse", "nccl", "nvjitlink");
  expect(cudaWheels.map(({ name }) => name)).toEqual(parts.map((part) => `nvidia-${part}-cu12`));
});

test("pip itself fetches the pinned wheel under any of its tags, without what it depends on", async () => {
  for (const [name, tag] of [
    ["tiny-one", "manylinux_2_25_x86_64"],
    ["tiny-two", "manylinux2010_x86_64"],
  ] as const) {
    const wheel = publish(name, "1.2", tag);
    publish(name, "1.3", tag);
    const file = await downloadWheel(python, wheel, silent);
    expect(createHash("sha256").update(readFileSync(file)).digest("hex")).toBe(wheel.sha256);
  }
  expect(left()).toEqual([]);
});

test("a wheel with another hash is refused, and nothing is left of it", async () => {
  const wheel = publish("tiny", "1.2", "manylinux_2_27_x86_64");
  publish("tiny", "1.2", "manylinux_2_27_x86_64", "import evil");
  await expect(downloadWheel(python, wheel, silent)).rejects.toMatchObject({
    code: "io",
    message: expect.stringMatching(/hash|HASH/),
  });
  expect(left()).toEqual([]);
  expect(existsSync(join(engine(), "downloads"))).toBe(false);
});

test("a wheel that was changed after its download is fetched again", async () => {
  const wheel = publish("tiny", "1.2", "manylinux_2_27_x86_64");
  const file = await downloadWheel(python, wheel, silent);
  writeFileSync(file, "evil");
  await downloadWheel(python, wheel, silent);
  expect(createHash("sha256").update(readFileSync(file)).digest("hex")).toBe(wheel.sha256);
});

/** A Python whose pip writes what it was asked for, begins its files and then does `body`. */
function pythonThat(body: string): void {
  const path = join(cache, "python");
  const script = `#!/bin/sh
[ "$1" = --version ] && exit 0
[ "$3" = --version ] && exit 0
echo "$@" > "${cache}/arguments"
cat "${engine()}"/download-*/requirements.txt > "${cache}/requirements"
echo half > "$TMPDIR/half"
${body}
`;
  writeFileSync(path, script, { mode: 0o755 });
  vi.stubEnv("PYTHON", path);
}

test.skipIf(process.platform !== "linux" || process.arch !== "x64")(
  "an install asks for the exact version and hash, and a failed one leaves nothing",
  async () => {
    for (const variant of ["cpu", "cuda"] as const) {
      pythonThat("echo no network; exit 1");
      await expect(provision({ variant })).rejects.toMatchObject({ code: "io" });
      const { name, version, sha256 } = wheelFor(variant);
      expect(readFileSync(join(cache, "requirements"), "utf8")).toBe(
        `${name}==${version} --hash=sha256:${sha256}\n`,
      );
      expect(readFileSync(join(cache, "arguments"), "utf8")).toContain("--require-hashes -r ");
      expect(readdirSync(engine())).toEqual([]);
    }
  },
);

const install = () => {
  const workspace = fileURLToPath(new URL("../../../", import.meta.url));
  const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
  const command = fileURLToPath(new URL("./cli.ts", import.meta.url));
  const args = ["--conditions=@controlnet-js/source", "--import", tsx, command, "install"];
  return spawn(process.execPath, args, { cwd: workspace, stdio: "ignore" });
};

test
  .skipIf(process.platform !== "linux" || process.arch !== "x64")
  .each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "an install ended by %s leaves nothing, at the latest after the next",
  { timeout: 60_000 },
  async (signal) => {
    pythonThat(`echo $$ > "${cache}/pid"; exec sleep 60`);
    const child = install();
    const over = new Promise((resolve) => child.once("close", resolve));
    while (!existsSync(join(cache, "pid"))) await sleep(20);
    child.kill(signal);
    await over;
    const pip = Number(readFileSync(join(cache, "pid"), "utf8"));
    if (signal === "SIGKILL") {
      process.kill(pip);
      pythonThat("exit 1");
      await expect(provision()).rejects.toMatchObject({ code: "io" });
    } else await vi.waitFor(() => expect(() => process.kill(pip, 0)).toThrow("ESRCH"), 5000);
    expect(left().filter((name) => !name.includes("lock"))).toEqual([]);
  },
);

test.skipIf(process.env.CONTROLNET_SLOW !== "1")(
  "the pinned versions resolve to the pinned hashes",
  { timeout: 600_000 },
  () => {
    vi.unstubAllEnvs();
    const wheels = [wheelFor("cpu", "linux", "x64"), wheelFor("cuda", "linux", "x64"), ...cudaWheels];
    const report = join(cache, "report.json");
    const { status, stderr } = spawnSync(python, [
      ...[
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--only-binary=:all:",
        "--quiet",
      ],
      ...["--python-version", pythonVersion, "--target", cache, "--report", report],
      ...platforms.flatMap((platform) => ["--platform", platform]),
      ...wheels.map(({ name, version }) => `${name}==${version}`),
    ]);
    expect(status, String(stderr)).toBe(0);
    const { install } = JSON.parse(readFileSync(report, "utf8")) as {
      install: {
        metadata: { name: string; version: string };
        download_info: { archive_info: { hashes: { sha256: string } } };
      }[];
    };
    const found = install.map(({ metadata: { name, version }, download_info }) => ({
      name: name.replaceAll("_", "-"),
      version,
      sha256: download_info.archive_info.hashes.sha256,
    }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(found.sort(byName)).toEqual(
      wheels.map(({ name, version, sha256 }) => ({ name, version, sha256 })).sort(byName),
    );
  },
);
