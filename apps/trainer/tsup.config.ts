import { preset } from "@controlnet-js/tsup-preset";
import type { Options } from "tsup";

/** Leaves imports of tfjs out where nothing of them is used: the packages that have them are free of side effects. */
const withoutTfjs: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "without-tfjs",
  setup(build) {
    build.onResolve({ filter: /^@tensorflow\// }, ({ path }) => ({
      path,
      external: true,
      sideEffects: false,
    }));
  },
};

export default [
  // Commands load what they need: detecting maps needs no model.
  preset({ entry: ["src/cli.ts"], format: ["esm"], dts: false, splitting: true, clean: ["!worker"] }),
  // Each worker process loads this anew: of the packages only what it needs, from their sources.
  preset({
    entry: { "detect-worker": "src/detect/worker.ts" },
    outDir: "dist/worker",
    format: ["esm"],
    dts: false,
    splitting: true,
    noExternal: ["@controlnet-js/core", "@controlnet-js/preprocessors", "zod"],
    esbuildOptions: (options) => {
      options.conditions = ["@controlnet-js/source"];
    },
    esbuildPlugins: [withoutTfjs],
  }),
];
