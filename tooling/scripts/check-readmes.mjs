// Checks the READMEs' code in a project that has the packages installed: its types, and that it runs by import and by
// require.
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./setup.mjs";

/** READMEs whose code reads published weights, which are not here: their types are checked only. */
const needWeights = ["packages/annotators"];

/** Every TypeScript block of the READMEs, by the folder that it stands in. */
function* blocks() {
  const folders = ["packages", "apps", "examples"].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  );
  for (const folder of [".", ...folders]) {
    const readme = join(root, folder, "README.md");
    if (!existsSync(readme)) continue;
    const found = readFileSync(readme, "utf8").matchAll(/```ts\n([\s\S]*?)```/g);
    for (const [number, [, code]] of [...found].entries())
      yield { folder, name: `${folder.replaceAll(/\W/g, "-")}-${number}`, code };
  }
}

/** The same code for `require`, which has no await outside functions. */
function withoutTopLevelAwait(code) {
  const end = [...code.matchAll(/^(import\b[\s\S]*?;|\} from .*;)/gm)].at(-1);
  const from = end ? end.index + end[0].length : 0;
  const body = code.slice(from).replaceAll(/^export /gm, "");
  return `${code.slice(0, from)}\nvoid (async () => {${body}})();\n`;
}

/** What READMEs show in its real size, and what is run of it here. */
const shortened = [
  ["steps: 1000", "steps: 2"],
  ["size: 512", "size: 128"],
];

/** A few captioned photographs, as a user has them. */
function writePhotos(project) {
  const photos = join(project, "photos");
  mkdirSync(photos);
  for (const [name, caption] of Object.entries({
    astronaut: "an astronaut before a flag",
    coffee: "a cup of coffee on a table",
    photographs: "four photographs",
    scenes: "four scenes of simple shapes",
  })) {
    cpSync(join(root, "docs", "conditions", `${name}.jpg`), join(photos, `${name}.jpg`));
    writeFileSync(join(photos, `${name}.txt`), `${caption}\n`);
  }
}

/** A photograph, a depth map and two untrained ControlNets, as a user has them beside a base model. */
function writeControls(project, run) {
  run("node", "-e", makePictures);
  run("npx", "--no-install", "controlnet", "init", "--base", "models/sd15", "--out", "models/depth");
  run("npx", "--no-install", "controlnet", "init", "--base", "models/sd15", "--out", "canny.safetensors");
  // Files of weights are told apart by what they hold: this stands for a published one.
  renameSync(join(project, "canny.safetensors"), join(project, "canny.pth"));
}

const makePictures = `
  const sharp = require("sharp");
  const side = { width: 128, height: 128 };
  sharp("photos/astronaut.jpg").resize(side).toFile("photo.jpg");
  sharp("photos/coffee.jpg").resize(side).toFile("depth.png");
`;

/** @returns how many blocks there are */
export function checkReadmes(project) {
  const ts = createRequire(join(project, "package.json"))("typescript");
  const folder = join(project, "readmes");
  mkdirSync(folder);
  // What the blocks read: the small model of packages/models, a base model, ControlNets, photographs, and a dataset.
  cpSync(join(root, "packages", "models", "fixtures"), join(project, "fixtures"), { recursive: true });
  const run = (command, ...args) =>
    execFileSync(command, args, { cwd: project, stdio: ["ignore", "ignore", "pipe"] });
  run("npx", "--no-install", "controlnet", "dataset", "tinyworld", "--out", "fill50k", "--count", "40");
  const weights = join(project, "node_modules", "@controlnet-js", "tinyworld", "weights");
  cpSync(weights, join(project, "models", "sd15"), { recursive: true });
  writePhotos(project);
  writeControls(project, run);
  const all = [...blocks()];
  for (const { name, code } of all) writeFileSync(join(folder, `${name}.mts`), code);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
  const sources = all.map(({ name }) => join("readmes", `${name}.mts`));
  execFileSync("npx", ["tsc", ...options, ...sources], {
    cwd: project,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const doctor = spawnSync("npx", ["--no-install", "controlnet-tensorflow", "doctor"], { cwd: project });
  const cannotRun = doctor.status === 0 ? needWeights : [...needWeights, "packages/tensorflow"];
  for (const { folder: from, name, code } of all) {
    if (cannotRun.includes(from)) continue;
    for (const [extension, module, source] of [
      ["mjs", "esnext", code],
      ["cjs", "commonjs", withoutTopLevelAwait(code)],
    ]) {
      const short = shortened.reduce((text, [shown, used]) => text.replaceAll(shown, used), source);
      const { outputText } = ts.transpileModule(short, { compilerOptions: { target: "es2022", module } });
      writeFileSync(join(folder, `${name}.${extension}`), outputText);
      // A training begins anew in each form.
      rmSync(join(project, "runs"), { recursive: true, force: true });
      run("node", join("readmes", `${name}.${extension}`));
    }
  }
  return all.length;
}
