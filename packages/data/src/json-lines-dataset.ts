import { join, relative, resolve } from "node:path";
import { type Condition, ControlNetError } from "@controlnet-js/core";
import {
  checkIndex,
  checkResolution,
  type FileDataset,
  hashList,
  type Resolution,
  type Sample,
} from "./dataset.js";
import { createDecoder, type DecodeOptions } from "./decoder.js";
import { pathInside } from "./inside-directory.js";
import { readJsonLines } from "./json-lines.js";
import type { ConditionModule } from "./load-condition.js";
import { mapRulesOf } from "./map-rules.js";
import { openCondition } from "./open-condition.js";

/** Options of {@link openJsonLinesDataset}. */
export interface JsonLinesDatasetOptions extends DecodeOptions {
  /** The folder; all paths in the list are relative to it. */
  dir: string;
  /** What kind of maps the `source` files are. */
  condition: Condition | ConditionModule;
  /** The size that samples are brought to. */
  resolution: Resolution;
  /** The list's name in `dir`. Default `prompt.json`. */
  file?: string;
  /** Whether a prompt may be empty. Default false. */
  allowEmptyCaptions?: boolean;
}

/**
 * Opens a dataset in fill50k's format: one JSON object a line, `{ source, target, prompt }`, where `source` is the
 * control map's file, `target` the picture's and `prompt` its caption. The list is read and checked here; images
 * when they are loaded.
 * @throws ControlNetError `missing` or `format` for the list (with its line), `data` for a path that leaves `dir` or
 *   an empty caption, `config` for options
 */
export async function openJsonLinesDataset(options: JsonLinesDatasetOptions): Promise<FileDataset> {
  const { dir, resolution, file = "prompt.json", allowEmptyCaptions = false } = options;
  checkResolution("openJsonLinesDataset", resolution);
  const root = resolve(dir);
  const { condition } = await openCondition(options.condition);
  if (condition.channels !== 1 && condition.channels !== 3)
    throw new ControlNetError(
      "config",
      `openJsonLinesDataset: map files hold 1 or 3 channels, condition "${condition.name}" has ${condition.channels}; ` +
        "use openImageFolderDataset, which computes maps",
    );
  const lines = await readJsonLines(
    root,
    join(root, file),
    ["source", "target", "prompt"],
    options.followLinks,
  );
  const entries = lines.map(({ where, fields: { source, target, prompt } }) => {
    if (prompt.trim() === "" && !allowEmptyCaptions)
      throw new ControlNetError(
        "data",
        `${where}: empty prompt; pass allowEmptyCaptions: true if that is meant`,
      );
    return { map: pathInside(where, root, source), image: pathInside(where, root, target), caption: prompt };
  });
  const rules = mapRulesOf(condition);
  const decoder = createDecoder("openJsonLinesDataset", { root, rules, resolution }, options);
  const what = `${entries.length} samples, condition ${condition.name}, ${resolution.width}x${resolution.height}`;
  return {
    condition,
    resolution,
    size: entries.length,
    describe: () => `JSON lines ${join(root, file)}: ${what}`,
    identity: `JSON lines: ${what}, list ${hashList(root, entries)}`,
    async load(index): Promise<Sample> {
      checkIndex("JSON lines dataset", index, entries.length);
      const { map, image, caption } = entries[index]!;
      const decoded = await decoder.decode(image, { kind: "file", file: map });
      return { index, name: relative(root, image), image: decoded.image, map: decoded.map!, caption };
    },
    close: () => decoder.close(),
  };
}
