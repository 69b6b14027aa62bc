import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, freemem } from "node:os";
import { dirname, join } from "node:path";
import { withFolderAside } from "./aside.js";
import { engineCacheFolder, packageFolder } from "./cache-folder.js";
import { TensorFlowError } from "./errors.js";
import type { LibTensorFlow } from "./find-library.js";
import { withLock } from "./lock.js";
import { findProgram, type ProcessResult, runProcess } from "./run-process.js";
import { libraryNames, tensorFlowVersion } from "./wheel.js";

const addonName = "controlnet_tensorflow.node";
const nodeApiVersion = 8;

const compileFlags = [
  "-std=c++17",
  "-O3",
  // Nobody reads the processor's floating-point flags; without this, loops with a choice in them stay scalar.
  "-fno-trapping-math",
  "-fPIC",
  "-fvisibility=hidden",
  `-DNAPI_VERSION=${nodeApiVersion}`,
  "-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL",
];

/** Flags for compiler and linker on top, e.g. those of a sanitizer; they make a build of their own. */
const extraFlags = (): string[] => process.env.CONTROLNET_ADDON_FLAGS?.split(" ").filter(Boolean) ?? [];

/** The file of `folder` that holds an addon for this platform, Node-API version and TensorFlow. */
export const prebuiltPath = (folder = join(packageFolder(), "prebuilds")): string =>
  join(folder, `${process.platform}-${process.arch}-napi${nodeApiVersion}-tf${tensorFlowVersion}.node`);

/** The addon shipped inside the package for this platform, if there is one; none where flags ask for a build. */
export function prebuiltAddon(folder?: string): string | undefined {
  const path = prebuiltPath(folder);
  return extraFlags().length === 0 && existsSync(path) ? path : undefined;
}

/**
 * The path of an addon that runs against `library`: a prebuilt one, one built before from the same sources, or one
 * built now with the system's C++ compiler (about ten seconds).
 * @throws TensorFlowError `missing` without a compiler, `engine` where compilation fails
 */
export async function buildAddon(
  library: LibTensorFlow,
  log: (line: string) => void = () => {},
  prebuilt = prebuiltAddon(),
): Promise<string> {
  const sources = prebuilt ? [prebuilt] : nativeSources();
  const folder = join(engineCacheFolder(), "addon", contentHash(sources, library));
  const addon = join(folder, addonName);
  if (existsSync(addon)) return addon;
  await withLock(join(engineCacheFolder(), "addon.lock"), async () => {
    if (!existsSync(addon)) await makeAddon(folder, sources, prebuilt, library, log);
  });
  return addon;
}

/** Makes the folder of an addon aside and renames it; what killed builds left behind is removed. */
async function makeAddon(
  folder: string,
  sources: readonly string[],
  prebuilt: string | undefined,
  library: LibTensorFlow,
  log: (line: string) => void,
): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  for (const name of readdirSync(dirname(folder)))
    if (name.includes(".partial-")) rmSync(join(dirname(folder), name), { recursive: true, force: true });
  const partial = `${folder}.partial-${process.pid}`;
  await withFolderAside(partial, async () => {
    // The addon looks for libtensorflow beside itself, so that a prebuilt one needs no path of this machine.
    for (const name of libraryNames) symlinkSync(join(library.folder, name), join(partial, name));
    if (prebuilt) copyFileSync(prebuilt, join(partial, addonName));
    else await compile(sources, partial, log);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  });
}

function nativeSources(): string[] {
  const folder = join(packageFolder(), "native");
  return readdirSync(folder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function contentHash(sources: readonly string[], library: LibTensorFlow): string {
  const hash = createHash("sha256");
  for (const path of sources) hash.update(path.slice(path.lastIndexOf("/"))).update(readFileSync(path));
  hash.update(
    JSON.stringify([
      [...compileFlags, ...extraFlags()],
      tensorFlowVersion,
      library.folder,
      process.platform,
      process.arch,
    ]),
  );
  return hash.digest("hex").slice(0, 20);
}

/** Memory for one compiler: its peak on these sources is 0.16 GB, more with a sanitizer. */
const compilerBytes = 2 ** 28;

/** How many compilers run side by side: one a core, as far as the memory reaches, cgroup limits included. */
export function compilersAtOnce(cores = availableParallelism(), bytes = memoryLeft()): number {
  return Math.max(1, Math.min(cores, Math.floor(bytes / compilerBytes)));
}

/** Node 20 has no `process.availableMemory` before 20.13. */
const memoryLeft = (): number => process.availableMemory?.() ?? freemem();

async function compile(
  sources: readonly string[],
  folder: string,
  log: (line: string) => void,
): Promise<void> {
  const compiler = await findProgram([process.env.CXX, "g++", "clang++", "c++"]);
  if (!compiler)
    throw new TensorFlowError(
      "building the TensorFlow addon needs a C++17 compiler: install g++ (Debian, Ubuntu: `apt-get install g++`) or set CXX",
      {},
      "missing",
    );
  log("building the TensorFlow addon");
  const require = createRequire(import.meta.url);
  const includes = [
    dirname(require.resolve("node-addon-api/package.json")),
    join(dirname(require.resolve("node-api-headers/package.json")), "include"),
  ].map((path) => `-I${path}`);
  const units = sources.filter((path) => path.endsWith(".cc"));
  const objects = units.map((_, i) => join(folder, `${i}.o`));
  const waiting = units.entries();
  let failed: ProcessResult | undefined;
  // Each worker takes the next unit until none is left or one has failed.
  const work = async (): Promise<void> => {
    for (const [i, unit] of waiting) {
      const args = [...compileFlags, ...extraFlags(), ...includes, "-c", unit, "-o", objects[i]!];
      const result = await runProcess(compiler, args);
      if (result.code !== 0) failed ??= result;
      if (failed) return;
    }
  };
  await Promise.all(Array.from({ length: compilersAtOnce() }, work));
  const linked =
    failed ??
    (await runProcess(compiler, [
      "-shared",
      ...extraFlags(),
      "-o",
      join(folder, addonName),
      ...objects,
      ...libraryNames.map((name) => join(folder, name)),
      "-ldl",
      "-Wl,-rpath,$ORIGIN",
    ]));
  if (linked.code !== 0)
    throw new TensorFlowError(
      `building the TensorFlow addon failed:\n${linked.output.split("\n").slice(0, 12).join("\n")}`,
    );
  for (const object of objects) rmSync(object);
}
