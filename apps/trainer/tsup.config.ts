import { preset } from "@controlnet-js/tsup-preset";
import type { Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** `controlnet detect` is built by itself, beside the other commands. */
const detectApart: Plugin = {
  name: "detect-apart",
  setup(build) {
    build.onResolve({ filter: /^\.\/detect\/program\.js$/ }, () => ({ path: "./detect.js", external: true }));
  },
};

/** Leaves imports of tfjs out where nothing of them is used: the packages that have them are free of side effects. */
const withoutTfjs: Plugin = {
  name: "without-tfjs",
  setup(build) {
    build.onResolve({ filter: /^@tensorflow\// }, ({ path }) => ({
      path,
      external: true,
      sideEffects: false,
    }));
  },
};

const common = { format: ["esm"], dts: false, clean: false, splitting: true } satisfies Options;

export default [
  preset({ ...common, entry: ["src/cli.ts"], esbuildPlugins: [detectApart] }),
  // Control maps of a folder of small photographs take seconds, and each worker process loads its program anew: of the
  // packages only what they need, from their sources.
  preset({
    ...common,
    entry: { detect: "src/detect/program.ts", "detect-worker": "src/detect/worker.ts" },
    noExternal: ["@controlnet-js/core", "@controlnet-js/preprocessors", "zod"],
    esbuildOptions: (options) => {
      options.conditions = ["@controlnet-js/source"];
    },
    esbuildPlugins: [withoutTfjs],
  }),
];
