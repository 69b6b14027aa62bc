import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { openCheckpointFile } from "./open-checkpoint-file.js";
import type { OpenSource } from "./open-safetensors.js";
import { openShards, openWeights } from "./open-weights.js";
import { restoreFolder } from "./restore-folder.js";

/**
 * Opens weights wherever they are: a file of safetensors or PyTorch (told apart by content), the index of
 * sharded weights, or a model folder.
 * @throws ControlNetError `io`, `missing`, `format` or `unsupported`, naming the path and the way out
 */
export function openCheckpoint(path: string): OpenSource {
  restoreFolder(path);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder) return openWeights(path);
  return path.endsWith(".json") ? openShards(dirname(path), basename(path)) : openCheckpointFile(path);
}
