import { preset } from "@controlnet-js/tsup-preset";

export default [
  // The two builds run at the same time; the first must not sweep away the second's file.
  preset({ entry: { index: "src/index.ts", node: "src/node/index.ts" }, clean: ["!**/render-worker.*"] }),
  preset({
    entry: { "render-worker": "src/node/render-worker.ts" },
    format: ["esm"],
    dts: false,
    clean: false,
  }),
];
