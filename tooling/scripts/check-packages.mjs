// Packs every public package, installs the tarballs into an empty project, and loads each by import and by require.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pnpm, root } from "./setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "controlnet-js-packages-"));
const npm = (...args) => execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
try {
  const tarballs = join(folder, "tarballs");
  mkdirSync(tarballs);
  pnpm(["--filter", "./packages/*", "--filter", "!*-tests", "pack", "--pack-destination", tarballs], {
    stdio: "ignore",
  });
  const packages = readdirSync(join(root, "packages"))
    .map((name) => JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")))
    .filter((manifest) => !manifest.private);
  const dependencies = Object.fromEntries(
    packages.map(({ name, version }) => [
      name,
      `file:tarballs/${name.replace("@", "").replace("/", "-")}-${version}.tgz`,
    ]),
  );
  const peers = { "@tensorflow/tfjs-core": "4.22.0", typescript: "5.9", "@types/node": "20" };
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { ...dependencies, ...peers },
      overrides: dependencies,
    }),
  );
  npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps");
  const entries = packages.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((key) => key !== "./package.json")
      .map((key) => name + key.slice(1)),
  );
  for (const entry of entries) {
    const check = `const names = Object.keys(m).filter((k) => k !== "default"); if (!names.length) throw new Error("exports nothing");`;
    execFileSync("node", ["--input-type=module", "-e", `const m = await import("${entry}"); ${check}`], {
      cwd: folder,
    });
    execFileSync("node", ["--input-type=commonjs", "-e", `const m = require("${entry}"); ${check}`], {
      cwd: folder,
    });
  }
  for (const [extension, kind] of [
    ["mts", "import * as"],
    ["cts", "import"],
  ]) {
    const lines = entries.map((entry, i) =>
      extension === "mts"
        ? `${kind} m${i} from "${entry}"; void m${i};`
        : `${kind} m${i} = require("${entry}"); void m${i};`,
    );
    writeFileSync(join(folder, `types.${extension}`), lines.join("\n"));
  }
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
  execFileSync("npx", ["tsc", ...options, "types.mts", "types.cts"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.stdout.write(
    `${entries.length} entries of ${packages.length} packages install and load by import and by require, with types\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
