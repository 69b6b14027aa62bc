import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { listFiles } from "@controlnet-js/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ImageFolderOptions, openImageFolder } from "./image-folder.js";
import { openJsonLines } from "./json-lines.js";
import { steppedCondition } from "./testing/conditions.js";
import { temporaryFolder, writeImageFolder, writePicture } from "./testing/folders.js";

let dir: string;
let outside: string;

beforeEach(async () => {
  dir = await writeImageFolder(2);
  outside = await temporaryFolder();
});
afterEach(() => Promise.all([dir, outside].map((folder) => rm(folder, { recursive: true, force: true }))));

const openHere = (more: Partial<ImageFolderOptions> = {}, folder = dir) =>
  openImageFolder(folder, { condition: steppedCondition, size: 32, workers: 0, ...more });
const pipe = (path: string) => execFileSync("mkfifo", [path]);
/** Replaces a file of the folder. */
async function replace(name: string, make: (path: string) => unknown): Promise<void> {
  await rm(join(dir, name), { force: true });
  await make(join(dir, name));
}

describe.skipIf(process.platform === "win32")("a folder of pictures", () => {
  it("ends at links that lead back into it", async () => {
    await mkdir(join(dir, "a"));
    for (let i = 0; i < 8; i++) await symlink(i % 2 ? dir : "..", join(dir, "a", `loop${i}`));
    await symlink("self.png", join(dir, "self.png"));
    const names = ["000.png", "000.txt", "001.png", "001.txt"];
    expect(await listFiles(dir)).toEqual(names);
    expect(await listFiles(dir, { followLinks: true })).toEqual(names);
    expect((await openHere()).size).toBe(2);
  });

  it("lists folders behind links, each once, only where links are followed", async () => {
    await writePicture(join(outside, "deep/far.png"));
    await writeFile(join(outside, "deep/far.txt"), "far");
    await symlink(join(outside, "deep"), join(dir, "x"));
    await symlink(join(outside, "deep"), join(dir, "y"));
    expect((await openHere()).size).toBe(2);
    const dataset = await openHere({ followLinks: true });
    expect(dataset.size).toBe(3);
    expect((await dataset.load(2)).caption).toBe("far");
  });

  it("may itself be a link", async () => {
    await symlink(dir, join(outside, "folder"));
    const dataset = await openHere({}, join(outside, "folder"));
    expect((await dataset.load(1)).caption).toBe("picture 1");
  });

  it("takes no caption from outside it", async () => {
    await writeFile(join(outside, "secret"), "the secret");
    await replace("000.txt", (path) => symlink(join(outside, "secret"), path));
    await replace("001.txt", (path) => symlink("note", path));
    await writeFile(join(dir, "note"), "a note");
    const dataset = await openHere({ allowEmptyCaptions: true });
    await expect(dataset.load(0)).rejects.toThrow(/000\.txt: a link leads outside .* followLinks: true/);
    expect((await dataset.load(1)).caption).toBe("a note");
    expect((await (await openHere({ followLinks: true })).load(0)).caption).toBe("the secret");
  });

  it("takes no list from outside it", async () => {
    await writeFile(join(outside, "list"), '{"file_name":"000.png","text":"t"}\n');
    await symlink(join(outside, "list"), join(dir, "metadata.jsonl"));
    await expect(openHere()).rejects.toThrow(/metadata\.jsonl: a link leads outside/);
    expect((await openHere({ followLinks: true })).size).toBe(1);
  });

  it("waits for no pipe", async () => {
    pipe(join(dir, "002.png"));
    await replace("000.txt", pipe);
    const dataset = await openHere();
    expect(dataset.size).toBe(2);
    await expect(dataset.load(0)).rejects.toThrow(/000\.png: it is not a regular file/);
    pipe(join(dir, "metadata.jsonl"));
    await expect(openHere()).rejects.toThrow(/metadata\.jsonl \(it is not a regular file, .*\)/);
    pipe(join(dir, "prompt.json"));
    await expect(openJsonLines(dir, { condition: steppedCondition, size: 32 })).rejects.toThrow(
      /prompt\.json \(it is not a regular file, .*\)/,
    );
  });

  it("reads no endless captions and lists", async () => {
    await truncate(join(dir, "000.txt"), 2 ** 40);
    await expect((await openHere()).load(0)).rejects.toThrow(
      /it has 1099511627776 bytes, more than the 65536/,
    );
    await replace("metadata.jsonl", (path) => writeFile(path, ""));
    await truncate(join(dir, "metadata.jsonl"), 2 ** 40);
    await expect(openHere()).rejects.toThrow(/it has 1099511627776 bytes/);
  });
});
