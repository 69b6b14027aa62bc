import { stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { type Condition, ControlNetError, isControlNetError } from "@controlnet-js/core";
import { listFiles } from "@controlnet-js/core/node";
import {
  checkIndex,
  checkResolution,
  type FileDataset,
  hashList,
  type Resolution,
  type Sample,
} from "./dataset.js";
import { computeMap, type MapSource } from "./decode-sample.js";
import { createDecoder, type DecodeOptions } from "./decoder.js";
import { pathInside } from "./inside-directory.js";
import { readJsonLines } from "./json-lines.js";
import type { ConditionModule } from "./load-condition.js";
import { mapRulesOf } from "./map-rules.js";
import { openCondition } from "./open-condition.js";
import { captionLimit, readTextInside } from "./read-text.js";
import { SampleError } from "./sample-error.js";

/** Options of {@link openImageFolderDataset}. */
export interface ImageFolderDatasetOptions extends DecodeOptions {
  /** The folder; images in folders below it count too, hidden ones do not. */
  dir: string;
  /** What maps to compute. Given as a module, they are computed in the workers; given itself, in this process. */
  condition: Condition | ConditionModule;
  /** Options of the condition, checked when the dataset is opened. */
  options?: Record<string, unknown>;
  /** The size that samples are brought to. */
  resolution: Resolution;
  /**
   * `"text-files"`: the caption of `a.png` is the text of `a.txt` beside it. `"metadata"`: `metadata.jsonl` in `dir`,
   * one `{ file_name, text }` a line. Default: metadata where that file exists.
   */
  captions?: "text-files" | "metadata";
  /** Whether a caption may be empty or its file missing. Default false. */
  allowEmptyCaptions?: boolean;
}

interface Entry {
  image: string;
  caption: string | undefined;
}

/**
 * Opens a folder of captioned PNG, JPEG and WebP images. The control map is what the condition's `detect` makes of
 * the image as it is trained on: scaled and cropped first. Images stand in the order of their names, or of
 * metadata.jsonl.
 * @throws ControlNetError `missing` for no folder or no images, `format` for a line of metadata.jsonl, `data` for a
 *   path that leaves `dir` or an empty caption, `config` for options
 */
export async function openImageFolderDataset(options: ImageFolderDatasetOptions): Promise<FileDataset> {
  const { dir, resolution } = options;
  checkResolution("openImageFolderDataset", resolution);
  const root = resolve(dir);
  const { condition, module } = await openCondition(options.condition);
  // Reads the options once, so that a mistake in them is found before the first sample.
  condition.metadata(options.options);
  const conditionOptions = options.options ?? {};
  const entries = await listEntries(root, options);
  const rules = mapRulesOf(condition);
  const decoder = createDecoder("openImageFolderDataset", { root, rules, resolution }, options);
  const source: MapSource = module ? { kind: "module", module, options: conditionOptions } : { kind: "none" };
  const what =
    `${entries.length} images, ${condition.name} maps computed ` +
    `(${JSON.stringify(condition.metadata(conditionOptions).options)}), ${resolution.width}x${resolution.height}`;
  return {
    condition,
    resolution,
    size: entries.length,
    describe: () => `image folder ${root}: ${what}`,
    identity: `image folder: ${what}, list ${hashList(root, entries)}`,
    async load(index): Promise<Sample> {
      checkIndex("image folder dataset", index, entries.length);
      const { image: file, caption: known } = entries[index]!;
      const caption = known ?? (await readCaption(file, options));
      const { image, map } = await decoder.decode(file, source);
      return {
        index,
        name: relative(root, file),
        image,
        map: map ?? (await computeMap(condition, image, conditionOptions, rules, file)),
        caption,
      };
    },
    close: () => decoder.close(),
  };
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

async function listEntries(
  root: string,
  { captions, allowEmptyCaptions, followLinks }: ImageFolderDatasetOptions,
): Promise<Entry[]> {
  const metadata = join(root, "metadata.jsonl");
  if (captions !== "metadata" && (captions === "text-files" || !(await exists(metadata))))
    return listImages(root, followLinks);
  const lines = await readJsonLines(root, metadata, ["file_name", "text"], followLinks);
  return lines.map(({ where, fields: { file_name, text } }) => {
    if (text.trim() === "" && !allowEmptyCaptions)
      throw new ControlNetError(
        "data",
        `${where}: empty text; pass allowEmptyCaptions: true if that is meant`,
      );
    return { image: pathInside(where, root, file_name), caption: text };
  });
}

async function listImages(root: string, followLinks: boolean | undefined): Promise<Entry[]> {
  let names: string[];
  try {
    names = await listFiles(root, followLinks === undefined ? {} : { followLinks });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ControlNetError("missing", `openImageFolderDataset: cannot list ${root} (${reason})`, {
      cause,
    });
  }
  const images = names.filter((name) => /\.(png|jpe?g|webp)$/i.test(name));
  if (images.length === 0)
    throw new ControlNetError("missing", `openImageFolderDataset: no PNG, JPEG or WebP image in ${root}`);
  return images.map((name) => ({ image: join(root, name), caption: undefined }));
}

async function readCaption(
  image: string,
  { dir, allowEmptyCaptions: allowEmpty, followLinks = false }: ImageFolderDatasetOptions,
): Promise<string> {
  const file = image.replace(/\.[^.]*$/, ".txt");
  const fail = (code: "missing" | "data", message: string, cause?: unknown) =>
    new SampleError({ code, message: `${file}: ${message}`, file, skippable: false }, { cause });
  let caption: string;
  try {
    caption = (await readTextInside(resolve(dir), file, captionLimit, followLinks)).trim();
  } catch (cause) {
    if (isControlNetError(cause)) throw cause;
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isMissing && allowEmpty) return "";
    const way = isMissing ? "; pass allowEmptyCaptions: true to go without" : `: ${(cause as Error).message}`;
    throw fail("missing", `cannot read the caption of ${image}${way}`, cause);
  }
  if (caption === "" && !allowEmpty)
    throw fail("data", "empty caption; pass allowEmptyCaptions: true if that is meant");
  return caption;
}
