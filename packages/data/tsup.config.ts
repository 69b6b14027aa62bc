import { preset } from "@controlnet-js/tsup-preset";

export default [
  // The two builds run at the same time; the first must not sweep away the second's file.
  preset({ clean: ["!**/decode-worker.*"] }),
  // Holds the bits of core and preprocessors that it needs: a worker that loads no tensor library starts fast and stays small.
  preset({
    entry: ["src/decode-worker.ts"],
    format: ["esm"],
    dts: false,
    clean: false,
    noExternal: ["@controlnet-js/core", "@controlnet-js/preprocessors"],
    esbuildOptions(options) {
      options.conditions = ["@controlnet-js/source"];
    },
  }),
];
