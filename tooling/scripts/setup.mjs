import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

const { packageManager } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Runs a command in the root; ends this process with its status where it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error) {
    process.stderr.write(`${command}: ${error.message}\n`);
    process.exit(1);
  }
  if (status !== 0 && !options.mayFail) process.exit(status ?? 1);
  return status ?? 1;
}

/** Runs the pinned pnpm, brought by npx. */
export const pnpm = (args, options) => run("npx", ["--yes", packageManager, ...args], options);

const isThere = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;

/**
 * Installs and builds what `filter` names, and provides the native engine.
 * @returns whether the native engine is there
 */
export function setUp(filter = []) {
  if (Number(process.versions.node.split(".")[0]) < 20) {
    process.stderr.write(`controlnet-js needs Node 20 or newer, this is ${process.version}\n`);
    process.exit(1);
  }
  process.env.TURBO_TELEMETRY_DISABLED = "1";
  pnpm(["install", "--frozen-lockfile", "--reporter=append-only"]);
  pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only", "--log-order=grouped", ...filter]);
  const missing = [
    isThere("python3") || process.env.CONTROLNET_LIBTENSORFLOW ? [] : ["Python 3 with pip"],
    isThere("c++") || isThere("g++") || isThere("clang++") ? [] : ["a C++ compiler"],
  ].flat();
  if (missing.length > 0) {
    process.stderr.write(
      `The native engine needs ${missing.join(" and ")}: running on WebAssembly instead, slower and smaller.\n`,
    );
    return false;
  }
  const status = run("node", ["packages/tensorflow/dist/cli.js", "install"], { mayFail: true });
  if (status !== 0)
    process.stderr.write(
      "The native engine could not be installed (see above): running on WebAssembly instead.\n",
    );
  return status === 0;
}

// `npm run setup`; the other scripts import what they need.
if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
