import { buildAddon, prebuiltAddon } from "./build-addon.js";
import { engineCacheFolder } from "./cache-folder.js";
import { cudaLibraries, findLibTensorFlow } from "./find-library.js";
import { findProgram, runProcess } from "./run-process.js";

/** One thing that the engine needs. */
export interface Finding {
  name: string;
  ok: boolean;
  /** What was found, or what is missing. */
  detail: string;
  /** What to do about it; absent where nothing need be done. */
  remedy?: string;
  /** Without it the engine does not run. */
  required: boolean;
}

/** The result of looking a machine over. */
export interface Diagnosis {
  ok: boolean;
  findings: Finding[];
}

/** Looks for everything that the engine needs and says what is missing and what to do. Changes nothing but the addon cache. */
export async function doctor(): Promise<Diagnosis> {
  const findings = [
    nodeVersion(),
    cache(),
    await compiler(),
    await python(),
    ...(await libraryAndAddon()),
    await gpu(),
  ];
  return { ok: findings.every(({ ok, required }) => ok || !required), findings };
}

function nodeVersion(): Finding {
  const ok = Number(process.versions.node.split(".")[0]) >= 20;
  return {
    name: "Node",
    ok,
    detail: process.version,
    required: true,
    ...(ok ? {} : { remedy: "install Node 20 or newer" }),
  };
}

const cache = (): Finding => ({ name: "cache", ok: true, detail: engineCacheFolder(), required: false });

async function compiler(): Promise<Finding> {
  const found = await findProgram([process.env.CXX, "g++", "clang++", "c++"]);
  if (found) return { name: "C++ compiler", ok: true, detail: found, required: false };
  const prebuilt = prebuiltAddon() !== undefined;
  return {
    name: "C++ compiler",
    ok: prebuilt,
    detail: prebuilt ? "none, and none needed: the package ships a prebuilt addon" : "none found",
    remedy: "install g++ (Debian, Ubuntu: apt-get install g++) or set CXX",
    required: !prebuilt,
  };
}

async function python(): Promise<Finding> {
  const found = await findProgram([process.env.PYTHON, "python3", "python"]);
  const pip = found ? await runProcess(found, ["-m", "pip", "--version"]) : undefined;
  if (pip?.code === 0)
    return { name: "Python with pip", ok: true, detail: pip.output.trim(), required: false };
  return {
    name: "Python with pip",
    ok: false,
    detail: found ? `${found} has no pip` : "none found",
    remedy: "install python3 and python3-pip; only `install` needs them",
    required: false,
  };
}

async function libraryAndAddon(): Promise<Finding[]> {
  try {
    const library = findLibTensorFlow();
    if (!library)
      return [
        {
          name: "libtensorflow",
          ok: false,
          detail: "not installed",
          remedy: "npx controlnet-tensorflow install (or set CONTROLNET_LIBTENSORFLOW)",
          required: true,
        },
      ];
    const found: Finding = {
      name: "libtensorflow",
      ok: true,
      detail: `${library.variant}, ${library.folder}`,
      required: true,
    };
    const addon = await buildAddon(library);
    return [found, { name: "addon", ok: true, detail: addon, required: true }];
  } catch (error) {
    return [
      {
        name: "libtensorflow and addon",
        ok: false,
        detail: (error as Error).message,
        remedy: "follow the message above",
        required: true,
      },
    ];
  }
}

async function gpu(): Promise<Finding> {
  const { code, output } = await runProcess("nvidia-smi", [
    "--query-gpu=name,driver_version",
    "--format=csv,noheader",
  ]);
  if (code !== 0)
    return { name: "NVIDIA GPU", ok: false, detail: "none found; the CPU is used", required: false };
  const library = findLibTensorFlow("cuda");
  const cuda = library?.variant !== "cpu" && library !== undefined;
  const libraries = library ? cudaLibraries(library.folder).length : 0;
  return {
    name: "NVIDIA GPU",
    ok: cuda,
    detail: `${output.trim()}${cuda ? `; ${libraries} CUDA libraries` : "; the CUDA build of TensorFlow is not installed"}`,
    required: false,
    ...(cuda ? {} : { remedy: "npx controlnet-tensorflow install --cuda" }),
  };
}
