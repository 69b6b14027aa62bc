import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The file in a published package that names whose code its bundles hold, and under which licences. */
export const noticesFile = "THIRD-PARTY-NOTICES";

const apache = fileURLToPath(new URL("../../LICENSE", import.meta.url));

/** The package in `node_modules` that a module belongs to; undefined for the workspace's own. */
function packageFolder(module) {
  const match = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module.replaceAll("\\", "/"));
  return match && existsSync(join(match[1], "package.json")) ? match[1] : undefined;
}

/** The licence texts of a package, or the text that its manifest names. */
function licenceOf(folder, { name, license }) {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)([.-]|$)/i.test(file));
  if (files.length > 0)
    return files.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
  if (license === "Apache-2.0") return readFileSync(apache, "utf8").trim();
  throw new Error(
    `${noticesFile}: ${name} (${license}) comes without a licence file; its text must be added`,
  );
}

const authorOf = ({ author, repository }) =>
  (typeof author === "string" ? author : author?.name) ??
  (typeof repository === "string" ? repository : repository?.url);

/**
 * The notices of everything from `node_modules` among the modules of a bundle, sorted by name; undefined where there is
 * nothing.
 * @param modules absolute paths
 */
export function noticesOf(modules) {
  const folders = new Set([...modules].map(packageFolder).filter(Boolean));
  const parts = [...folders].map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const author = authorOf(manifest);
    const head = `${manifest.name} ${manifest.version}, ${manifest.license}${author ? `, ${author}` : ""}`;
    return { head, text: licenceOf(folder, manifest) };
  });
  if (parts.length === 0) return undefined;
  const unique = [...new Map(parts.map((part) => [part.head, part])).values()].sort((a, b) =>
    a.head < b.head ? -1 : 1,
  );
  const line = "-".repeat(80);
  return `The files in dist hold code of these packages.\n${unique.map(({ head, text }) => `\n${line}\n${head}\n${line}\n\n${text}\n`).join("")}`;
}

/** Writes the notices of a package's bundles beside its package.json, where there are any. */
export function writeNotices(folder, modules) {
  const text = noticesOf(modules);
  if (text !== undefined) writeFileSync(join(folder, noticesFile), text);
}

const bundled = new Map();

/** An esbuild plugin: the notices of all builds of the package in the working directory. */
export const esbuildNotices = {
  name: "third-party-notices",
  setup(build) {
    build.initialOptions.metafile = true;
    const folder = process.cwd();
    build.onEnd(({ metafile }) => {
      const modules = bundled.get(folder) ?? new Set();
      bundled.set(folder, modules);
      // Only what reached an output: tree shaking drops the rest.
      for (const { inputs } of Object.values(metafile?.outputs ?? {}))
        for (const [path, { bytesInOutput }] of Object.entries(inputs))
          if (bytesInOutput > 0) modules.add(join(folder, path));
      writeNotices(folder, modules);
    });
  },
};

/** A Vite plugin: the notices of the page's bundle. */
export const viteNotices = () => ({
  name: "third-party-notices",
  apply: "build",
  writeBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((chunk) =>
      Object.entries(chunk.modules ?? {})
        .filter(([, { renderedLength }]) => renderedLength > 0)
        .map(([id]) => id.replace(/^\0/, "").replace(/\?.*$/, "")),
    );
    writeNotices(
      process.cwd(),
      modules.map((id) => (id.startsWith("/") ? id : join(dirname(id), id))),
    );
  },
});
