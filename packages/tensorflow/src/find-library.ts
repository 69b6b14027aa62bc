import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { engineCacheFolder } from "./cache-folder.js";
import { TensorFlowError } from "./errors.js";
import { libraryNames, tensorFlowVersion, type Variant } from "./wheel.js";

/** A libtensorflow on this machine. */
export interface LibTensorFlow {
  folder: string;
  /** `custom` where `CONTROLNET_LIBTENSORFLOW` names it. */
  variant: Variant | "custom";
}

/** Where `provision` puts a variant. */
export const libraryFolder = (variant: Variant): string =>
  join(engineCacheFolder(), `${tensorFlowVersion}-${variant}`);

/** The file whose presence says that a library folder is complete. */
export const manifestName = "manifest.json";

/**
 * The libtensorflow to use: the one that `CONTROLNET_LIBTENSORFLOW` names, else the provisioned CUDA one, else the
 * provisioned CPU one; undefined where there is none.
 * @throws TensorFlowError `missing` where `CONTROLNET_LIBTENSORFLOW` names a folder that lacks a library
 */
export function findLibTensorFlow(prefer?: Variant): LibTensorFlow | undefined {
  const custom = process.env.CONTROLNET_LIBTENSORFLOW;
  if (custom) {
    const missing = libraryNames.filter((name) => !existsSync(join(custom, name)));
    if (missing.length === 0) return { folder: custom, variant: "custom" };
    throw new TensorFlowError(
      `CONTROLNET_LIBTENSORFLOW: ${custom} lacks ${missing.join(" and ")}`,
      {},
      "missing",
    );
  }
  const order: Variant[] = prefer === "cpu" ? ["cpu", "cuda"] : ["cuda", "cpu"];
  const variant = order.find(isProvisioned);
  return variant && { folder: libraryFolder(variant), variant };
}

/** Whether a variant is completely unpacked in the cache. */
export function isProvisioned(variant: Variant): boolean {
  try {
    const manifest = JSON.parse(readFileSync(join(libraryFolder(variant), manifestName), "utf8")) as {
      files: string[];
    };
    return manifest.files.every((name) => existsSync(join(libraryFolder(variant), name)));
  } catch {
    return false;
  }
}

/** The CUDA libraries below a library folder, in an order in which each finds those it needs. */
export function cudaLibraries(folder: string): string[] {
  const root = join(folder, "nvidia");
  if (!existsSync(root)) return [];
  const found = readdirSync(root)
    .flatMap((component) => {
      const libraries = join(root, component, "lib");
      return existsSync(libraries) ? readdirSync(libraries).map((name) => join(libraries, name)) : [];
    })
    .filter((path) => /\.so(\.\d+)*$/.test(path));
  const first = [
    "cudart",
    "nvJitLink",
    "cublasLt",
    "cublas",
    "cusparse",
    "cusolver",
    "cufft",
    "curand",
    "cudnn",
    "nccl",
  ];
  const rank = (path: string): number => {
    const at = first.findIndex((name) => path.includes(`lib${name}.so`));
    return at < 0 ? first.length : at;
  };
  return found.filter((path) => rank(path) < first.length).sort((a, b) => rank(a) - rank(b));
}
