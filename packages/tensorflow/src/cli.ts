#!/usr/bin/env node
import { parseArgs } from "node:util";
import { buildAddon } from "./build-addon.js";
import { doctor } from "./doctor.js";
import { provision } from "./provision.js";

const usage = `controlnet-tensorflow: sets up the TensorFlow engine of controlnet-js

  controlnet-tensorflow install [--cuda]   fetch libtensorflow and build the addon
  controlnet-tensorflow doctor             say what was found, what is missing and the remedy
`;

const log = (line: string): void => void process.stderr.write(`controlnet-tensorflow: ${line}\n`);

async function install(cuda: boolean): Promise<void> {
  const library = await provision({ variant: cuda ? "cuda" : "cpu", log });
  await buildAddon(library, log);
  log(`ready: ${library.folder}`);
}

async function printDiagnosis(): Promise<boolean> {
  const { ok, findings } = await doctor();
  for (const { name, ok: fine, detail, remedy, required } of findings) {
    process.stdout.write(`${fine ? "ok     " : required ? "MISSING" : "-      "} ${name}: ${detail}\n`);
    if (!fine && remedy) process.stdout.write(`        -> ${remedy}\n`);
  }
  return ok;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { cuda: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  const [command] = positionals;
  if (values.help || (command !== "install" && command !== "doctor")) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  if (command === "doctor") return (await printDiagnosis()) ? 0 : 1;
  await install(values.cuda ?? false);
  return 0;
}

// An exit removes what is half done; a signal's own end does not.
for (const [signal, code] of [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    log(error.message);
    process.exitCode = 1;
  },
);
