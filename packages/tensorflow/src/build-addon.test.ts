import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { buildAddon, compilersAtOnce } from "./build-addon.js";
import { packageFolder } from "./cache-folder.js";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "addon-"));
  vi.stubEnv("CONTROLNET_CACHE", cache);
  // Flags ask for a build, whatever is shipped.
  vi.stubEnv("CONTROLNET_ADDON_FLAGS", "-DTEST");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

/** A compiler that writes how many of it run, at each start, and then does `body`. */
function compilerThat(body: string): { counts(): number[] } {
  const path = join(cache, "compiler");
  const script = `#!/bin/sh
[ "$1" = --version ] && exit 0
mkdir "${cache}/running-$$"
ls -d "${cache}"/running-* | wc -l >> "${cache}/counts"
sleep 0.05
while [ "$1" != -o ]; do shift; done
${body}
code=$?
rmdir "${cache}/running-$$"
exit $code
`;
  writeFileSync(path, script, { mode: 0o755 });
  vi.stubEnv("CXX", path);
  return { counts: () => readFileSync(join(cache, "counts"), "utf8").trim().split("\n").map(Number) };
}

const library = () => ({ folder: cache, variant: "custom" }) as const;
const units = readdirSync(join(packageFolder(), "native")).filter((name) => name.endsWith(".cc")).length;

test("a build runs at most one compiler a core, and compiles every source", { timeout: 60_000 }, async () => {
  const compiler = compilerThat('echo object > "$2"');
  const addon = await buildAddon(library(), undefined, undefined);
  expect(readFileSync(addon, "utf8")).toBe("object\n");
  const counts = compiler.counts();
  expect(counts).toHaveLength(units + 1);
  expect(Math.max(...counts)).toBeLessThanOrEqual(availableParallelism());
});

test("a source that does not compile ends the build; nothing is left", { timeout: 60_000 }, async () => {
  const compiler = compilerThat('case "$2" in */0.o) echo bad source; false;; *) echo object > "$2";; esac');
  await expect(buildAddon(library(), undefined, undefined)).rejects.toThrow(/failed:\nbad source/);
  expect(compiler.counts().length).toBeLessThan(units);
  expect(readdirSync(join(cache, "tensorflow", "addon"))).toEqual([]);
});

test("compilers are as many as cores and memory allow, and one at least", () => {
  expect(compilersAtOnce(2, 64 * 2 ** 30)).toBe(2);
  expect(compilersAtOnce(64, 2 ** 30)).toBe(4);
  expect(compilersAtOnce(64, 0)).toBe(1);
});
