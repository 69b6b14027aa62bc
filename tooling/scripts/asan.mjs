// Builds the TensorFlow addon with the address, leak and undefined-behaviour sanitizers and runs its package's tests in
// it; a report ends the process that made it, and with it the test. Arguments go to vitest.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./setup.mjs";

const flags = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1";

// V8 and TensorFlow never free what lives as long as the process, and the other programs that the tests start are not
// ours. Processes of mpirun are not searched for leaks at all, see launch-group.ts.
const suppressions = ["libtensorflow_", "/node", "sh", "esbuild"];

const compiler = process.env.CXX ?? "g++";
const library = (name) => execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
const resolve = createRequire(join(root, "package.json")).resolve;
const environment = { ...process.env, CONTROLNET_ADDON_FLAGS: flags };

// Built without the preload, which would slow the compiler down and report its leaks.
const setUp = join(root, "packages", "tensorflow", "src", "cli.ts");
run(process.execPath, ["--conditions=@controlnet-js/source", "--import", resolve("tsx"), setUp, "install"], {
  env: environment,
});

const folder = mkdtempSync(join(tmpdir(), "asan-"));
try {
  const leaks = join(folder, "leaks");
  writeFileSync(leaks, suppressions.map((name) => `leak:${name}\n`).join(""));
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const status = run(
    process.execPath,
    [vitest, "run", "--project", "@controlnet-js/tensorflow", ...process.argv.slice(2)],
    {
      mayFail: true,
      env: {
        ...environment,
        LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}`,
        ASAN_OPTIONS: "detect_odr_violation=0:alloc_dealloc_mismatch=0:allocator_may_return_null=1",
        LSAN_OPTIONS: `suppressions=${leaks}:print_suppressions=0`,
        UBSAN_OPTIONS: "print_stacktrace=1",
      },
    },
  );
  process.exitCode = status;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
