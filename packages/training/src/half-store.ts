import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Numbers in half precision kept on a disk, so that later runs and other processes find them. */
export interface HalfStore {
  /** What is kept under a key; undefined where there is nothing, or nothing sound of that many values. */
  get(key: string, length: number): Promise<Uint16Array | undefined>;
  /** Keeps values under a key; where the disk can't take them, nothing is kept from then on, and that is told once. */
  put(key: string, values: Uint16Array): Promise<void>;
}

/** Bytes of the checksum at the end of a file. */
const CHECKSUM = 8;

/** The disk keeps this part of itself free, and at least so many bytes. */
const FREE = { part: 0.05, bytes: 2 ** 30 } as const;

/** Puts from one look at the free space to the next. */
const LOOK_EVERY = 64;

const checksum = (bytes: Uint8Array): Buffer =>
  createHash("sha256").update(bytes).digest().subarray(0, CHECKSUM);

/** A key for what some bytes are, whatever their name: the same ones have the same key in any run. */
export const contentKey = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 40);
};

/**
 * Opens a store in a folder, which several processes may share: each entry is a file of its own, written aside and
 * renamed, with a checksum; a damaged one counts as missing.
 * @param folder made where it is missing; one for each model whose numbers are kept
 * @param onIncident told why nothing more is kept
 * @throws the file system's own error where the folder can't be made
 */
export async function openHalfStore(
  folder: string,
  onIncident: (message: string) => void = () => {},
): Promise<HalfStore> {
  await mkdir(folder, { recursive: true });
  let puts = 0;
  let isFull = false;
  const pathOf = (key: string) => join(folder, key.slice(0, 2), key);
  const stop = (why: string) => {
    if (!isFull) onIncident(`cache folder ${folder}: ${why}; what is new is computed each time`);
    isFull = true;
  };
  return {
    async get(key, length) {
      try {
        const path = pathOf(key);
        const found = await stat(path);
        if (!found.isFile() || found.size !== 2 * length + CHECKSUM) return undefined;
        const bytes = await readFile(path);
        const values = bytes.subarray(0, 2 * length);
        if (!checksum(values).equals(bytes.subarray(2 * length))) return undefined;
        return new Uint16Array(Uint8Array.from(values).buffer);
      } catch {
        return undefined;
      }
    },
    async put(key, values) {
      if (isFull) return;
      const path = pathOf(key);
      const partial = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
      try {
        if (puts++ % LOOK_EVERY === 0) {
          const { bavail, blocks, bsize } = await statfs(folder);
          if (bavail * bsize < Math.max(FREE.bytes, FREE.part * blocks * bsize))
            return stop("the disk is nearly full");
        }
        await mkdir(dirname(path), { recursive: true });
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        await writeFile(partial, Buffer.concat([bytes, checksum(bytes)]), { flag: "wx" });
        await rename(partial, path);
      } catch (error) {
        await rm(partial, { force: true }).catch(() => {});
        stop((error as Error).message);
      }
    },
  };
}
