import { existsSync } from "node:fs";
import { appendFile, truncate } from "node:fs/promises";
import { join, posix } from "node:path";
import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { replaceFile } from "../files/replace-file.js";

/** Where the captions of a folder's pictures are kept, in a form that an `image-folder` dataset reads. */
export interface CaptionStore {
  /** The file or folder that holds them. */
  readonly place: string;
  /** Where in it a picture's caption stands: no two can have the same. `name` is its path in the folder, with slashes. */
  slotOf(name: string): string;
  /** Whether a picture has a caption. */
  has(name: string): boolean;
  /**
   * Keeps a caption.
   * @throws ControlNetError `io` naming the file
   */
  write(name: string, text: string): Promise<void>;
}

async function writing(file: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new ControlNetError("io", `can't write ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** A text file beside each picture, `a.txt` for `a.png`. */
export function openTextFiles(dir: string): CaptionStore {
  const slotOf = (name: string) => name.replace(/\.[^.]*$/, ".txt");
  return {
    place: dir,
    slotOf,
    has: (name) => existsSync(join(dir, slotOf(name))),
    async write(name, text) {
      const file = join(dir, slotOf(name));
      await writing(file, async () => replaceFile(file, `${text}\n`));
    },
  };
}

/**
 * `metadata.jsonl` in the folder: one `{ file_name, text }` a line, each written as soon as it is known. A last line that a
 * run could not finish is taken away.
 * @throws ControlNetError `format` naming a line that names no picture, `io`
 */
export async function openMetadata(dir: string): Promise<CaptionStore> {
  const file = join(dir, "metadata.jsonl");
  const known = existsSync(file) ? await readNames(file) : new Set<string>();
  return {
    place: file,
    slotOf: (name) => name,
    has: (name) => known.has(name),
    async write(name, text) {
      await writing(file, () => appendFile(file, `${JSON.stringify({ file_name: name, text })}\n`));
      known.add(name);
    },
  };
}

async function readNames(file: string): Promise<Set<string>> {
  const text = readRegularFile(file, 2 ** 28).toString("utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const rest = text.slice(whole.length);
  const names = new Set<string>();
  for (const [i, line] of whole
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    if (line.trim() === "") continue;
    const name = nameIn(line);
    if (name === undefined)
      throw new ControlNetError(
        "format",
        `${file}:${i + 1}: expected a JSON object with a string "file_name"`,
      );
    names.add(posix.normalize(name));
  }
  const last = nameIn(rest);
  if (last !== undefined) {
    names.add(posix.normalize(last));
    await writing(file, () => appendFile(file, "\n"));
  } else if (rest !== "") await writing(file, () => truncate(file, Buffer.byteLength(whole)));
  return names;
}

/** The picture that a line is about, or undefined for anything else. */
function nameIn(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const name =
      typeof value === "object" && value !== null && "file_name" in value ? value.file_name : undefined;
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
