// Checks what the packages import: what each declares and nothing else, no arrow against the order of
// docs/architecture.md, and no circle of files. `--write` draws the table of docs/architecture.md anew; `--root DIR`
// looks at another workspace.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { root as ownRoot } from "./setup.mjs";

const scope = "@controlnet-js/";
const marks = ["<!-- imports: begin -->", "<!-- imports: end -->"];

/** Files that are not published: they may import development dependencies. */
const isDevelopment = (path) =>
  /\.test\.tsx?$|(^|\/)(testing|bench|scripts)\/|^(tsup|vitest|vite)[\w.-]*\.ts$/.test(path);

/** Tools that are run and not imported. */
const isTool = (name) =>
  /^(@types\/.*|@arethetypeswrong\/cli|publint|tsup|tsx|typescript|vite|vitest|@vitejs\/.*)$/.test(name) ||
  [`${scope}tsconfig`, `${scope}tsup-preset`, `${scope}vitest-preset`].includes(name);

/** What no source imports, but code that a bundle takes in: tfjs-node's kernels. */
const neededByBundle = { [`${scope}tensorflow`]: "@tensorflow/tfjs" };

const packageOf = (specifier) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

function filesBelow(folder, at = "") {
  return readdirSync(join(folder, at), { withFileTypes: true }).flatMap((entry) => {
    const path = at ? `${at}/${entry.name}` : entry.name;
    if (entry.isDirectory())
      return ["node_modules", "dist", "native"].includes(entry.name) ? [] : filesBelow(folder, path);
    return entry.isFile() && /\.(tsx?|mjs)$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

/** One package: its manifest, and each file with its text and imports. */
function readPackage(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = filesBelow(folder).map((path) => {
    const text = readFileSync(join(folder, path), "utf8");
    const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    return { path, text, imports };
  });
  const others = ["README.md", "tsup.config.ts"]
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path));
  return { folder, manifest, files, prose: others.map((path) => readFileSync(path, "utf8")).join("\n") };
}

const isOutside = (specifier) =>
  !specifier.startsWith(".") &&
  !specifier.startsWith("node:") &&
  !builtinModules.includes(packageOf(specifier));

/** What is imported and not declared, and what is declared and not used. */
function undeclared({ folder, manifest, files, prose }, root) {
  const where = relative(root, folder);
  const published = { ...manifest.dependencies, ...manifest.peerDependencies };
  const development = manifest.devDependencies ?? {};
  const found = [];
  for (const { path, imports } of files)
    for (const name of new Set(imports.filter(isOutside).map(packageOf))) {
      if (name === manifest.name || name in published) continue;
      // A bundle takes in its development dependencies, and a package that has such code carries its notices.
      const bundled = name in development && manifest.files?.includes("THIRD-PARTY-NOTICES");
      if ((isDevelopment(path) || manifest.private || bundled) && name in development) continue;
      found.push(`${where}/${path} imports ${name}, which its package.json does not declare`);
    }
  const texts = files.map(({ text }) => text).join("\n");
  for (const [kind, names] of [
    ["dependencies", published],
    ["devDependencies", development],
  ])
    for (const name of Object.keys(names)) {
      if (isTool(name) || neededByBundle[manifest.name] === name) continue;
      const sources =
        kind === "dependencies" && !manifest.private
          ? files.filter(({ path }) => !isDevelopment(path))
          : files;
      const used = sources.some(({ text }) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
      const shown = kind === "devDependencies" && (prose.includes(name) || texts.includes(name));
      if (!used && !shown && !prose.includes(`"${name}"`))
        found.push(`${where}/package.json: ${name} of ${kind} is not imported`);
    }
  return found;
}

/** The packages of the scope that the published files import. */
const arrowsOf = ({ manifest, files }) =>
  [
    ...new Set(
      files.filter(({ path }) => !isDevelopment(path)).flatMap(({ imports }) => imports.map(packageOf)),
    ),
  ]
    .filter((name) => name.startsWith(scope) && name !== manifest.name)
    .map((name) => name.slice(scope.length))
    .sort();

/** Circles of files, those of types alone included: each once, from its first file on. */
function circles({ folder, files }, root) {
  const paths = new Set(files.map(({ path }) => path));
  const targets = new Map(
    files.map(({ path, imports }) => [
      path,
      imports
        .filter((specifier) => specifier.startsWith("."))
        .flatMap((specifier) => {
          const base = join(dirname(path), specifier).replace(/\.js$/, "");
          return [`${base}.ts`, `${base}.tsx`, base].filter((candidate) => paths.has(candidate));
        }),
    ]),
  );
  const found = new Set();
  const done = new Set();
  const visit = (path, trail) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const circle = trail.slice(start);
      const first = circle.indexOf([...circle].sort()[0]);
      found.add([...circle.slice(first), ...circle.slice(0, first), circle[first]].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return [...found].map((circle) => `${relative(root, folder)}: circle of imports: ${circle}`);
}

/** The table of docs/architecture.md: its rows keep their order, which says who may know whom. */
function table(text, packages) {
  const [begin, end] = marks.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`docs/architecture.md: expected ${marks.join(" ... ")}`);
  const rows = [...text.slice(begin, end).matchAll(/^\| \[?`?([\w-]+)`?\]?/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== "package");
  const known = new Map(packages.map((one) => [one.manifest.name.slice(scope.length), arrowsOf(one)]));
  const order = [
    ...rows.filter((name) => known.has(name)),
    ...[...known.keys()].filter((name) => !rows.includes(name)),
  ];
  const cells = [
    ["package", "imports"],
    ["", ""],
    ...order.map((name) => [
      `\`${name}\``,
      known
        .get(name)
        .map((other) => `\`${other}\``)
        .join(", "),
    ]),
  ];
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => row[column].length)));
  const lines = cells.map((row, i) => {
    const padded = row.map((cell, column) => cell.padEnd(widths[column], i === 1 ? "-" : " "));
    return `| ${padded.join(" | ")} |\n`;
  });
  const drawn = `${marks[0]}\n\n${lines.join("")}\n`;
  const against = order.flatMap((name, i) =>
    known
      .get(name)
      .filter((other) => !order.slice(0, i).includes(other))
      .map((other) => `${name} imports ${other}, which docs/architecture.md puts after it`),
  );
  return { text: text.slice(0, begin) + drawn + text.slice(end), against };
}

/** Without what aligns the columns of a table. */
const plain = (text) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---");

const options = process.argv.slice(2);
const root = options.includes("--root") ? options[options.indexOf("--root") + 1] : ownRoot;
const packages = ["packages", "apps"]
  .filter((group) => existsSync(join(root, group)))
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, "package.json")))
  .map(readPackage);
const page = join(root, "docs", "architecture.md");
const before = readFileSync(page, "utf8");
const drawn = table(
  before,
  packages.filter(({ manifest }) => manifest.name !== `${scope}tests`),
);
const complaints = [
  ...packages.flatMap((one) => undeclared(one, root)),
  ...drawn.against,
  ...packages.flatMap((one) => circles(one, root)),
];
if (options.includes("--write")) writeFileSync(page, drawn.text);
else if (plain(drawn.text) !== plain(before))
  complaints.push(
    "docs/architecture.md: its table is not what is imported; node tooling/scripts/check-imports.mjs --write draws it anew",
  );
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(complaints.length ? "" : "Imports: as declared and drawn\n");
process.exitCode = complaints.length ? 1 : 0;
