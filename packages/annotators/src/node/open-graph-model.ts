import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { type GraphModel, loadGraphModel } from "@tensorflow/tfjs-converter";
import type { io } from "@tensorflow/tfjs-core";

/**
 * Loads a graph model of TensorFlow.js from disk.
 * @param path its description (`model.json`), or a folder with `model.json` or with one `.json` file only
 * @throws ControlNetError `io` where a file is missing, `format` where it is no graph model
 */
export async function openGraphModel(path: string): Promise<GraphModel> {
  const file = descriptionFile(path);
  const description = readDescription(file);
  try {
    return await loadGraphModel({
      load: async () => ({ ...description, weightData: readWeights(file, description) }),
    });
  } catch (cause) {
    if (cause instanceof ControlNetError) throw cause;
    throw new ControlNetError(
      "format",
      `${file}: not a graph model that loads: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

type Description = Pick<io.ModelArtifacts, "modelTopology" | "signature" | "format" | "weightSpecs"> & {
  /** The files of weights, in order. */
  paths: string[];
};

function descriptionFile(path: string): string {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry)
    throw new ControlNetError("io", `can't read the model ${path}: there is no such file or folder`);
  if (!entry.isDirectory()) return path;
  const names = readdirSync(path).filter((name) => name.endsWith(".json"));
  const name =
    names.find((candidate) => candidate === "model.json") ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined)
    throw new ControlNetError(
      "missing",
      `${path}: expected a model.json; give the file itself (it has: ${names.join(", ") || "no .json file"})`,
    );
  return join(path, name);
}

function readDescription(file: string): Description {
  try {
    const json = JSON.parse(readRegularFile(file, 2 ** 28).toString("utf8"));
    const manifest = json.weightsManifest as io.WeightsManifestConfig;
    if (json.format !== "graph-model" || !Array.isArray(manifest))
      throw new Error('its format is not "graph-model"');
    return {
      modelTopology: json.modelTopology,
      signature: json.signature ?? json.userDefinedMetadata?.signature,
      format: json.format,
      weightSpecs: manifest.flatMap(({ weights }) => weights),
      paths: manifest.flatMap(({ paths }) => paths),
    };
  } catch (cause) {
    throw new ControlNetError(
      "format",
      `${file}: not a graph model of TensorFlow.js: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

function readWeights(file: string, { paths }: Description): ArrayBuffer {
  const parts = paths.map((path) => {
    if (path !== basename(path))
      throw new ControlNetError("format", `${file}: weights "${path}" are no file of its folder`);
    try {
      return readRegularFile(join(dirname(file), path), 2 ** 31);
    } catch (cause) {
      throw new ControlNetError("io", `can't read the weights of ${file}: ${(cause as Error).message}`, {
        cause,
      });
    }
  });
  return new Uint8Array(Buffer.concat(parts)).buffer;
}
