import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { withFolderAside } from "./aside.js";
import { engineCacheFolder } from "./cache-folder.js";
import { TensorFlowError } from "./errors.js";
import { isProvisioned, type LibTensorFlow, libraryFolder, manifestName } from "./find-library.js";
import { withLock } from "./lock.js";
import { findProgram, runProcess } from "./run-process.js";
import {
  cudaWheels,
  libraryNames,
  platforms,
  pythonVersion,
  type Variant,
  type Wheel,
  wheelFor,
} from "./wheel.js";

/** What to provision. */
export interface ProvisionOptions {
  /** `"cpu"` by default. */
  variant?: Variant;
  /** Receives progress lines; silent by default. */
  log?: (line: string) => void;
}

/**
 * Puts the pinned libtensorflow into the cache unless it is there. Safe to run twice at once, and to kill at any
 * point: files are unpacked aside and renamed, and a download that is complete is not repeated.
 * @throws TensorFlowError `missing` without Python and pip, `io` where the download or the unpacking fails
 */
export async function provision(options: ProvisionOptions = {}): Promise<LibTensorFlow> {
  const { variant = "cpu", log = () => {} } = options;
  const result: LibTensorFlow = { folder: libraryFolder(variant), variant };
  if (isProvisioned(variant)) return result;
  const wheel = wheelFor(variant);
  const lock = join(engineCacheFolder(), "install.lock");
  await withLock(
    lock,
    async () => {
      if (isProvisioned(variant)) return;
      removeLeftovers();
      const python = await findProgram([process.env.PYTHON, "python3", "python"]);
      if (!python || (await runProcess(python, ["-m", "pip", "--version"])).code !== 0)
        throw new TensorFlowError(
          "provision: Python with pip is needed to fetch TensorFlow; install python3 and python3-pip, or name a folder that holds the libraries in CONTROLNET_LIBTENSORFLOW",
          {},
          "missing",
        );
      const file = await downloadWheel(python, wheel, log);
      const extra: string[] = [];
      for (const each of variant === "cuda" ? cudaWheels : [])
        extra.push(await downloadWheel(python, each, log));
      await unpack(python, file, extra, result.folder, wheel, log);
      rmSync(downloadFolder(), { recursive: true, force: true });
    },
    () => log("another process is installing; waiting for it"),
  );
  return result;
}

/** What killed installs left behind; safe under the lock. */
function removeLeftovers(): void {
  const folder = engineCacheFolder();
  for (const name of readdirSync(folder))
    if (name.startsWith("download-")) rmSync(join(folder, name), { recursive: true, force: true });
}

const downloadFolder = (): string => join(engineCacheFolder(), "downloads");

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** The line of a requirements file that stands for exactly this wheel. */
const requirement = ({ name, version, sha256 }: Wheel): string =>
  `${name}==${version} --hash=sha256:${sha256}\n`;

/**
 * The file of a wheel in the download folder, fetched unless it is there.
 * @throws TensorFlowError `io` where pip can't fetch exactly this one
 */
export async function downloadWheel(
  python: string,
  wheel: Wheel,
  log: (line: string) => void,
): Promise<string> {
  const folder = downloadFolder();
  const find = (where: string) =>
    existsSync(where)
      ? readdirSync(where).find((entry) =>
          entry.startsWith(`${wheel.name.replaceAll("-", "_")}-${wheel.version}-`),
        )
      : undefined;
  const present = find(folder);
  if (present && (await sha256(join(folder, present))) === wheel.sha256) return join(folder, present);
  if (present) rmSync(join(folder, present));
  // pip writes aside, its temporary files too; only a complete, verified wheel is moved into the download folder.
  const aside = join(engineCacheFolder(), `download-${process.pid}`);
  const size = wheel.megabytes ? ` (${wheel.megabytes} MB)` : "";
  log(`downloading ${wheel.name} ${wheel.version}${size}`);
  return await withFolderAside(aside, async () => {
    await pip(python, wheel, aside);
    const name = find(aside);
    if (!name || (await sha256(join(aside, name))) !== wheel.sha256)
      throw new TensorFlowError(
        `provision: pip left no ${wheel.name} ${wheel.version} with the pinned sha256 ${wheel.sha256}; check pip's own settings`,
        {},
        "io",
      );
    mkdirSync(folder, { recursive: true });
    renameSync(join(aside, name), join(folder, name));
    return join(folder, name);
  });
}

async function pip(python: string, wheel: Wheel, destination: string): Promise<void> {
  const requirements = join(destination, "requirements.txt");
  writeFileSync(requirements, requirement(wheel));
  const temporary = join(destination, "temporary");
  mkdirSync(temporary);
  const args = [
    ...["-m", "pip", "download", "--disable-pip-version-check", "--no-cache-dir", "--no-deps"],
    ...["--only-binary=:all:", "--python-version", pythonVersion],
    ...platforms.flatMap((platform) => ["--platform", platform]),
    ...["--dest", destination, "--require-hashes", "-r", requirements],
  ];
  const { code, output } = await runProcess(python, args, { TMPDIR: temporary });
  if (code === 0) return;
  const reason = output.trim().split("\n").slice(-4).join("\n");
  throw new TensorFlowError(
    `provision: pip could not fetch the wheel:\n${reason}\nCheck the network or pip's own settings, or name a folder that holds the libraries in CONTROLNET_LIBTENSORFLOW`,
    {},
    "io",
  );
}

const unpackScript = `
import os, shutil, sys, zipfile
target, names, wheels = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
def copy(archive, member, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(member) as source, open(path, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 22)
        sink.flush()
        os.fsync(sink.fileno())
for i, wheel in enumerate(wheels):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if i == 0 and member.split("/")[-1] in names and member.count("/") == 1:
                copy(archive, member, os.path.join(target, member.split("/")[-1]))
            elif i > 0 and member.startswith("nvidia/") and ".." not in member and not member.endswith("/"):
                if "/lib/" in member or "/bin/" in member or "/nvvm/" in member:
                    copy(archive, member, os.path.join(target, member))
`;

async function unpack(
  python: string,
  wheelFile: string,
  extra: readonly string[],
  folder: string,
  wheel: Wheel,
  log: (line: string) => void,
): Promise<void> {
  log(`unpacking ${basename(wheelFile)}`);
  const parent = dirname(folder);
  for (const name of readdirSync(parent))
    if (name.startsWith(`${basename(folder)}.partial`))
      rmSync(join(parent, name), { recursive: true, force: true });
  const partial = `${folder}.partial-${process.pid}`;
  await withFolderAside(partial, async () => {
    const { code, output } = await runProcess(python, [
      "-c",
      unpackScript,
      partial,
      libraryNames.join(","),
      wheelFile,
      ...extra,
    ]);
    const missing = libraryNames.filter((name) => !existsSync(join(partial, name)));
    if (code !== 0 || missing.length > 0)
      throw new TensorFlowError(
        `provision: unpacking failed: ${output.trim() || `no ${missing.join(", ")} in the wheel`}`,
        {},
        "io",
      );
    const manifest = { wheel: wheel.name, version: wheel.version, sha256: wheel.sha256, files: libraryNames };
    writeFileSync(join(partial, manifestName), JSON.stringify(manifest, null, 2));
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  });
  log(`installed ${wheel.name} ${wheel.version} in ${folder}`);
}
