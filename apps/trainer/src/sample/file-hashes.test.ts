import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runProgram } from "../testing/run-program.js";
import { hashFiles } from "./file-hashes.js";
import { mergeParameters, readParameters } from "./sample-parameters.js";

let folder: string;
const at = (name: string) => join(folder, name);
const server = createServer();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "file-hashes-"));
  execFileSync("mkfifo", [at("pipe.png")]);
  symlinkSync("/dev/zero", at("device.png"));
  await new Promise<void>((done) => server.listen(at("socket.png"), done));
  writeFileSync(at("large.png"), "");
  truncateSync(at("large.png"), 2 ** 40);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("files are hashed as they are; one that isn't there is left to its reader", async () => {
  writeFileSync(at("a.png"), "abc");
  writeFileSync(at("empty.png"), "");
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const parameters = mergeParameters({ initImage: at("a.png"), mask: at("empty.png"), latents: at("none") });
  expect(await hashFiles(parameters)).toEqual({ [at("a.png")]: sha("abc"), [at("empty.png")]: sha("") });
});

const odd = [
  ["a pipe", () => at("pipe.png"), /not a regular file/],
  ["a device", () => "/dev/zero", /not a regular file/],
  ["a link to a device", () => at("device.png"), /not a regular file/],
  ["a socket", () => at("socket.png"), /not a regular file/],
  ["a folder", () => folder, /not a regular file/],
  ["a file without end", () => at("large.png"), /1099511627776 bytes, more than the/],
] as const;

test.each(odd)("%s is refused at once, as a picture and as --from", async (_, path, message) => {
  const error = { code: "io", message: expect.stringMatching(message) };
  for (const key of ["initImage", "mask", "latents", "promptEmbeds", "config"])
    await expect(hashFiles(mergeParameters({ [key]: path() }))).rejects.toMatchObject(error);
  const control = { path: "net", map: path() };
  writeFileSync(at("from.json"), JSON.stringify({ model: "nowhere", prompt: "", controls: [control] }));
  await expect(runProgram("sample", "--from", at("from.json"), "--out", at("out"))).rejects.toMatchObject(
    error,
  );
  expect(() => readParameters(path())).toThrow(expect.objectContaining(error));
});

test.each(["batch", "steps", "width", "height", "clipSkip"])(
  "--from takes no %s beyond the flag's",
  (key) => {
    writeFileSync(at("many.json"), JSON.stringify({ prompt: "", [key]: 1e9 }));
    expect(() => readParameters(at("many.json"))).toThrow(/holds no parameters/);
  },
);
