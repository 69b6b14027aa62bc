import { existsSync } from "node:fs";
import { join } from "node:path";
import { root, run, setUp } from "./setup.mjs";

// Everything beside its peers: set-up, the Python reference, then the cases named (or all).
setUp();
const reference = join(root, "tooling", "reference");
const python = join(reference, ".venv", "bin", "python");
if (!existsSync(python)) {
  run("python3", ["-m", "venv", join(reference, ".venv")]);
  run(python, ["-m", "pip", "install", "--quiet", "-r", join(reference, "requirements.txt")]);
}
const node = [process.execPath, "--conditions=@controlnet-js/source", "--import", "tsx", "src/main.ts"];
run(node[0], [...node.slice(1), ...process.argv.slice(2)], { cwd: join(root, "bench") });
