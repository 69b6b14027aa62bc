import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type FoundPart,
  type Identity,
  identify,
  type TensorSource,
  tensorSource,
  withEmaWeights,
} from "@controlnet-js/checkpoints";
import { openCheckpoint, openWeights, readConfig, restoreFolder } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";

/** A `config.json`, parsed. */
export type ConfigJson = Record<string, unknown>;

/** A file or folder of models, opened: names and shapes are known, weights are read when asked for. */
export interface OpenModel {
  readonly path: string;
  /** Every tensor; in a folder of several models under the model's folder, `"unet.conv_in.weight"`. */
  readonly source: TensorSource;
  /** What it is. */
  readonly identity: Identity;
  /** `diffusers-folder` is a whole pipeline, `model-folder` one model with its `config.json`. */
  readonly layout: "file" | "model-folder" | "diffusers-folder";
  /** The `config.json` that belongs to a part, where there is one. */
  configOf(part: FoundPart): ConfigJson | undefined;
  /** `scheduler_config.json`, where there is one. */
  readonly scheduler?: ConfigJson;
  /** Paths of a diffusers folder's further ControlNets, which are not among its parts: each is opened by itself. */
  readonly furtherControlNets?: readonly string[];
  close(): void;
}

/** How to open a model. */
export interface OpenModelOptions {
  /** Takes the moving average of the weights, where the file has one. Default false. */
  ema?: boolean;
}

/** The models of a diffusers folder that are read. */
export const modelFolders = ["unet", "controlnet", "vae", "text_encoder"] as const;

/** The entry of a safetensors header in which our single files keep the configs that LDM has no place for. */
export const configsEntry = "controlnet-js.configs";

/**
 * Opens a diffusers folder, the folder of one model, or a file of either form; reads no weights yet.
 * @throws ControlNetError `io`, `missing`, `format` or `unsupported`, naming the path and the way out
 */
export function openModel(path: string, { ema = false }: OpenModelOptions = {}): OpenModel {
  restoreFolder(path);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found)
    throw new ControlNetError(
      "io",
      `can't read ${path}: there is no such file or folder. Models are opened from this machine: download it first, then name where it is`,
    );
  const isFolder = found.isDirectory();
  if (isFolder && modelFolders.some((name) => existsSync(join(path, name)))) return openFolder(path);
  if (isFolder && existsSync(join(path, "model_index.json"))) {
    const { _class_name: name = "another model" } = readConfig(path, "model_index.json");
    throw new ControlNetError(
      "unsupported",
      `${path} is a ${name} without ${modelFolders.join(", ")}; Stable Diffusion 1, 2 and ControlNets are read`,
    );
  }
  const opened = openCheckpoint(path);
  const source = ema ? withEmaWeights(opened) : opened;
  const json = isFolder && existsSync(join(path, "config.json")) ? readConfig(path) : undefined;
  const saved = savedConfigs(source.metadata[configsEntry]);
  const scheduler = saved.scheduler;
  return {
    path,
    source,
    identity: identify(source),
    layout: isFolder ? "model-folder" : "file",
    configOf: ({ part }) => json ?? saved[part],
    ...(scheduler && { scheduler }),
    close: opened.close,
  };
}

function openFolder(path: string): OpenModel {
  const present = modelFolders.filter((name) => existsSync(join(path, name)));
  const opened: { name: string; weights: ReturnType<typeof openWeights>; json: ConfigJson }[] = [];
  const close = () => {
    for (const { weights } of opened) weights.close();
  };
  try {
    for (const name of present) {
      const folder = join(path, name);
      const json = readConfig(folder);
      opened.push({ name, weights: openWeights(folder), json });
    }
    const tensors = opened.flatMap(({ name, weights }) =>
      weights.names().map((key) => ({ ...weights.get(key), name: `${name}.${key}` })),
    );
    const metadata = Object.assign({}, ...opened.toReversed().map(({ weights }) => weights.metadata));
    const source = tensorSource(tensors, metadata, path);
    const hasScheduler = existsSync(join(path, "scheduler", "scheduler_config.json"));
    const scheduler = hasScheduler ? readConfig(join(path, "scheduler"), "scheduler_config.json") : undefined;
    return {
      path,
      source,
      identity: withPrediction(identify(source), scheduler),
      layout: "diffusers-folder",
      configOf: ({ prefix }) => opened.find(({ name }) => prefix.startsWith(`${name}.`))?.json,
      ...(scheduler && { scheduler }),
      // As diffusers names those of a MultiControlNetModel: controlnet, controlnet_1, controlnet_2.
      furtherControlNets: readdirSync(path)
        .filter((name) => /^controlnet_\d+$/.test(name))
        .sort()
        .map((name) => join(path, name)),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** diffusers' `prediction_type`. */
const predictionKinds = new Map<string, NonNullable<Identity["prediction"]>>([
  ["epsilon", "epsilon"],
  ["v_prediction", "v"],
  ["sample", "sample"],
  ["original_sample", "sample"],
]);

/** A scheduler's config knows what weights don't tell. */
function withPrediction(identity: Identity, scheduler: ConfigJson | undefined): Identity {
  if (identity.prediction === undefined || scheduler === undefined) return identity;
  const prediction = predictionKinds.get(String(scheduler.prediction_type ?? "epsilon")) ?? "unknown";
  const summary = identity.summary.replace(
    "epsilon or v-prediction (the weights don't tell)",
    prediction === "v" ? "v-prediction" : `${prediction} prediction`,
  );
  return { ...identity, prediction, summary };
}

function savedConfigs(text: string | undefined): Record<string, ConfigJson | undefined> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, ConfigJson>;
  } catch {
    // Reported below: both ways of being damaged have the same way out.
  }
  throw new ControlNetError("format", `the metadata "${configsEntry}" is damaged; save the file again`);
}

/** Says which ControlNets of a folder were passed over, where there are any. */
export function tellFurtherControlNets(
  { furtherControlNets = [] }: OpenModel,
  log: (line: string) => void,
): void {
  if (furtherControlNets.length > 0)
    log(`more ControlNets, each to be named by itself: ${furtherControlNets.join(", ")}`);
}
