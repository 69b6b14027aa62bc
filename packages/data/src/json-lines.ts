import { join, relative, resolve } from "node:path";
import { type Condition, ControlNetError } from "@controlnet-js/core";
import {
  checkIndex,
  type FileDataset,
  hashList,
  type Resolution,
  resolutionOf,
  type Sample,
} from "./dataset.js";
import { createDecoder, type DecodeOptions } from "./decoder.js";
import { pathInside } from "./inside-directory.js";
import { type ConditionModule, openCondition } from "./load-condition.js";
import { mapRulesOf } from "./map-rules.js";
import { readJsonLines } from "./read-json-lines.js";

/** Options of {@link openJsonLines}. */
export interface JsonLinesOptions extends DecodeOptions {
  /** What kind of maps the `source` files are. */
  condition: Condition | ConditionModule;
  /** The condition's options with which they were made, which what is trained on them keeps. Default: its defaults. */
  conditionOptions?: Record<string, unknown>;
  /** The size that samples are brought to, in pixels: a side, or width and height; multiples of 8. */
  size: number | Resolution;
  /** The list's name in the folder. Default `prompt.json`. */
  file?: string;
  /** Whether a prompt may be empty. Default false. */
  allowEmptyCaptions?: boolean;
}

/**
 * Opens a dataset in fill50k's format: one JSON object a line, `{ source, target, prompt }`, where `source` is the
 * control map's file, `target` the picture's and `prompt` its caption. The list is read and checked here; images
 * when they are loaded.
 * @param dir the folder; all paths in the list are relative to it
 * @throws ControlNetError `missing` or `format` for the list (with its line), `data` for a path that leaves `dir` or
 *   an empty caption, `config` for options
 */
export async function openJsonLines(dir: string, options: JsonLinesOptions): Promise<FileDataset> {
  const { file = "prompt.json", allowEmptyCaptions = false } = options;
  const resolution = resolutionOf("openJsonLines", options.size);
  const root = resolve(dir);
  const { condition } = await openCondition(options.condition);
  if (condition.channels !== 1 && condition.channels !== 3)
    throw new ControlNetError(
      "config",
      `openJsonLines: map files hold 1 or 3 channels, condition "${condition.name}" has ${condition.channels}; ` +
        "use openImageFolder, which computes maps",
    );
  const maps = condition.metadata(options.conditionOptions);
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
  const decoder = createDecoder("openJsonLines", { root, rules, resolution }, options);
  const what = `${entries.length} samples, condition ${condition.name}, ${resolution.width}x${resolution.height}`;
  return {
    condition,
    maps,
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
    [Symbol.asyncDispose]: () => decoder.close(),
  };
}
