import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const script = fileURLToPath(new URL("../../../tooling/scripts/check-imports.mjs", import.meta.url));
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "workspace-"));
  write("docs/architecture.md", "<!-- imports: begin -->\n| `a` |\n| `b` |\n<!-- imports: end -->\n");
  addPackage("a", {}, { "index.ts": "export const one = 1;" });
  addPackage(
    "b",
    { dependencies: ["@controlnet-js/a"] },
    { "index.ts": 'export { one } from "@controlnet-js/a";' },
  );
  execFileSync(process.execPath, [script, "--root", root, "--write"]);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function addPackage(
  name: string,
  declared: Partial<Record<"dependencies" | "devDependencies", readonly string[]>>,
  files: Record<string, string>,
): void {
  const versions = Object.entries(declared).map(([kind, names]) => [
    kind,
    Object.fromEntries(names.map((other) => [other, "1"])),
  ]);
  write(
    `packages/${name}/package.json`,
    JSON.stringify({ name: `@controlnet-js/${name}`, files: ["dist"], ...Object.fromEntries(versions) }),
  );
  for (const [path, text] of Object.entries(files)) write(`packages/${name}/src/${path}`, text);
}

const complaints = (...args: string[]): string => {
  const { stderr, status } = spawnSync(process.execPath, [script, "--root", root, ...args], {
    encoding: "utf8",
  });
  expect(status).toBe(stderr === "" ? 0 : 1);
  return stderr;
};

describe("what packages import", () => {
  test("may be what they declare, in the order of the page", () => {
    expect(complaints()).toBe("");
    const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
    expect(page.replace(/ +/g, " ")).toContain("| `b` | `a` |");
  });

  test("is refused where it is not declared, types and lazy imports included", () => {
    addPackage(
      "a",
      {},
      { "index.ts": 'import type { Image } from "sharp"; export const later = () => import("yaml");' },
    );
    expect(complaints()).toMatch(/a\/src\/index\.ts imports sharp[\s\S]*imports yaml/);
  });

  test("of development is for tests alone", () => {
    addPackage(
      "a",
      { devDependencies: ["sharp"] },
      {
        "index.ts": "export const one = 1;",
        "one.test.ts": 'import "sharp";',
      },
    );
    expect(complaints()).toBe("");
    write("packages/a/src/index.ts", 'import "sharp";');
    expect(complaints()).toContain("imports sharp, which its package.json does not declare");
  });

  test("is told where it is declared for nothing", () => {
    addPackage("a", { dependencies: ["zod"] }, { "index.ts": "export const one = 1;" });
    expect(complaints()).toContain("zod of dependencies is not imported");
  });

  test("goes no way that the page does not draw", () => {
    addPackage("a", { dependencies: ["@controlnet-js/b"] }, { "index.ts": 'import "@controlnet-js/b";' });
    expect(complaints()).toContain("a imports b, which docs/architecture.md puts after it");
    expect(complaints()).toContain("its table is not what is imported");
  });

  test("has no circles of files, those of types alone included", () => {
    write("packages/a/src/index.ts", 'import type { Two } from "./two.js"; export type One = Two;');
    write("packages/a/src/two.ts", 'import type { One } from "./index.js"; export type Two = One;');
    expect(complaints()).toContain("circle of imports: src/index.ts -> src/two.ts -> src/index.ts");
  });
});
