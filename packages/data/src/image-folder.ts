import { stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { type Condition, ControlNetError, isControlNetError } from "@controlnet-js/core";
import { listFiles } from "@controlnet-js/core/node";
import {
  checkIndex,
  type FileDataset,
  hashList,
  type Resolution,
  resolutionOf,
  type Sample,
} from "./dataset.js";
import { computeMap, type MapSource } from "./decode-sample.js";
import { createDecoder, type DecodeOptions } from "./decoder.js";
import { pathInside } from "./inside-directory.js";
import { type ConditionModule, openCondition } from "./load-condition.js";
import { mapRulesOf } from "./map-rules.js";
import { readJsonLines } from "./read-json-lines.js";
import { captionLimit, readTextInside } from "./read-text.js";
import { SampleError } from "./sample-error.js";

/** Options of {@link openImageFolder}. */
export interface ImageFolderOptions extends DecodeOptions {
  /**
   * What maps to compute. A condition itself computes them in this process, while workers decode the pictures; given as the
   * module that defines it, which workers load, they compute the maps too.
   */
  condition: Condition | ConditionModule;
  /** Options of the condition, checked when the dataset is opened. Default: its defaults. */
  conditionOptions?: Record<string, unknown>;
  /** The size that samples are brought to, in pixels: a side, or width and height; multiples of 8. */
  size: number | Resolution;
  /**
   * `"text-files"`: the caption of `a.png` is the text of `a.txt` beside it. `"metadata"`: `metadata.jsonl` in the
   * folder, one `{ file_name, text }` a line. Default: metadata where that file exists.
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
 * @param dir the folder; images in folders below it count too, hidden ones do not
 * @throws ControlNetError `missing` for no folder, no images or no captions, `format` for a line of metadata.jsonl, `data` for a
 *   path that leaves `dir` or an empty caption, `config` for options
 */
export async function openImageFolder(dir: string, options: ImageFolderOptions): Promise<FileDataset> {
  const { conditionOptions = {} } = options;
  const resolution = resolutionOf("openImageFolder", options.size);
  const root = resolve(dir);
  const { condition, module } = await openCondition(options.condition);
  // Reads the options once, so that a mistake in them is found before the first sample.
  const maps = condition.metadata(conditionOptions);
  const entries = await listEntries(root, options);
  const rules = mapRulesOf(condition);
  const decoder = createDecoder("openImageFolder", { root, rules, resolution }, options);
  const source: MapSource = module ? { kind: "module", module, options: conditionOptions } : { kind: "none" };
  const what =
    `${entries.length} images, ${condition.name} maps computed ` +
    `(${JSON.stringify(maps.options)}), ${resolution.width}x${resolution.height}`;
  return {
    condition,
    maps,
    resolution,
    size: entries.length,
    describe: () => `image folder ${root}: ${what}`,
    identity: `image folder: ${what}, list ${hashList(root, entries)}`,
    async load(index): Promise<Sample> {
      checkIndex("image folder dataset", index, entries.length);
      const { image: file, caption: known } = entries[index]!;
      const caption = known ?? (await readCaption(root, file, options));
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
    [Symbol.asyncDispose]: () => decoder.close(),
  };
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

async function listEntries(root: string, options: ImageFolderOptions): Promise<Entry[]> {
  const { captions, allowEmptyCaptions, followLinks } = options;
  const metadata = join(root, "metadata.jsonl");
  if (captions !== "metadata" && (captions === "text-files" || !(await exists(metadata))))
    return listImages(root, options);
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

/** The pictures of a folder; captions are looked for now, so that a run does not end at the first one that is missing. */
async function listImages(
  root: string,
  { allowEmptyCaptions, followLinks = false }: ImageFolderOptions,
): Promise<Entry[]> {
  let names: string[];
  const others: string[] = [];
  try {
    names = await listFiles(root, { followLinks, onSkip: (name) => others.push(name) });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ControlNetError("missing", `openImageFolder: cannot list ${root} (${reason})`, {
      cause,
    });
  }
  const images = names.filter((name) => /\.(png|jpe?g|webp)$/i.test(name));
  if (images.length === 0)
    throw new ControlNetError("missing", `openImageFolder: no PNG, JPEG or WebP image in ${root}`);
  const present = new Set([...names, ...others]);
  const [first, ...more] = allowEmptyCaptions ? [] : images.filter((name) => !present.has(captionFile(name)));
  if (first !== undefined)
    throw new ControlNetError("missing", noCaption(join(root, first), more.length, images.length));
  return images.map((name) => ({ image: join(root, name), caption: undefined }));
}

const captionFile = (image: string): string => image.replace(/\.[^.]*$/, ".txt");

const noCaption = (image: string, more = 0, of = 0): string =>
  `${captionFile(image)}: cannot read the caption of ${image}${more > 0 ? ` and of ${more} more of ${of} pictures` : ""}: ` +
  "there is no such file; write one, or pass allowEmptyCaptions: true to go without";

async function readCaption(
  root: string,
  image: string,
  { allowEmptyCaptions: allowEmpty, followLinks = false }: ImageFolderOptions,
): Promise<string> {
  const file = captionFile(image);
  const fail = (code: "missing" | "data", message: string, cause?: unknown) =>
    new SampleError({ code, message: `${file}: ${message}`, file, skippable: false }, { cause });
  let caption: string;
  try {
    caption = (await readTextInside(root, file, captionLimit, followLinks)).trim();
  } catch (cause) {
    if (isControlNetError(cause)) throw cause;
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isMissing && allowEmpty) return "";
    if (isMissing)
      throw new SampleError(
        { code: "missing", message: noCaption(image), file, skippable: false },
        { cause },
      );
    throw fail("missing", `cannot read the caption of ${image}: ${(cause as Error).message}`, cause);
  }
  if (caption === "" && !allowEmpty)
    throw fail("data", "empty caption; pass allowEmptyCaptions: true if that is meant");
  return caption;
}
