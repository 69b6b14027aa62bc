// Packs every public package and the command line, installs the tarballs into an empty project, loads each by import
// and by require, paints a picture from the command line, and runs the READMEs' code.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkReadmes } from "./check-readmes.mjs";
import { pnpm, root } from "./setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "controlnet-js-packages-"));
const npm = (...args) => execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
try {
  const tarballs = join(folder, "tarballs");
  mkdirSync(tarballs);
  const sources = ["--filter", "./packages/*", "--filter", "./apps/trainer"];
  pnpm([...sources, "--filter", "!*-tests", "pack", "--pack-destination", tarballs], { stdio: "ignore" });
  const withNotices = ["packages", "apps"].flatMap((group) =>
    readdirSync(join(root, group))
      .filter((name) => existsSync(join(root, group, name, "THIRD-PARTY-NOTICES")))
      .map((name) => join(group, name)),
  );
  const manifestOf = (path) => JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
  const packages = readdirSync(join(root, "packages"))
    .map((name) => manifestOf(join("packages", name)))
    .filter((manifest) => !manifest.private);
  const trainer = manifestOf(join("apps", "trainer"));
  for (const path of withNotices)
    if (!manifestOf(path).files.includes("THIRD-PARTY-NOTICES"))
      throw new Error(`${path}: its bundles hold code of others; name THIRD-PARTY-NOTICES in its files`);
  const dependencies = Object.fromEntries(
    [...packages, trainer].map(({ name, version }) => [
      name,
      `file:tarballs/${name.replace("@", "").replace("/", "-")}-${version}.tgz`,
    ]),
  );
  const peers = {
    "@tensorflow/tfjs-core": "4.22.0",
    "@tensorflow/tfjs": "4.22.0",
    typescript: "5.9",
    "@types/node": "20",
  };
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { ...dependencies, ...peers },
      overrides: dependencies,
    }),
  );
  // With install scripts, as users install: none may need more than the registry.
  npm("install", "--no-audit", "--no-fund", "--legacy-peer-deps");
  const entries = packages.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((key) => key !== "./package.json")
      .map((key) => name + key.slice(1)),
  );
  for (const { name, files } of [...packages, trainer]) {
    const installed = readdirSync(join(folder, "node_modules", name));
    const expected = ["LICENSE", ...(files.includes("THIRD-PARTY-NOTICES") ? ["THIRD-PARTY-NOTICES"] : [])];
    for (const file of expected)
      if (!installed.includes(file)) throw new Error(`${name} is packed without ${file}`);
  }
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
  const controlnet = (...args) =>
    execFileSync("npx", ["--no-install", "controlnet", ...args], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
  controlnet("--help");
  const config = join("node_modules", trainer.name, "configs", "tinyworld-canny.yaml");
  if (!existsSync(join(folder, config))) throw new Error(`${trainer.name} lacks its configs`);
  controlnet("sample", "--prompt", "a red ball", "--steps", "1", "--engine", "wasm", "--out", "pictures");
  if (!readdirSync(join(folder, "pictures")).some((name) => name.endsWith(".png")))
    throw new Error("the installed command line painted no picture");
  const blocks = checkReadmes(folder);
  process.stdout.write(
    `${entries.length} entries of ${packages.length} packages install and load by import and by require, with types; the command line paints; ${blocks} blocks of the READMEs run\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
