import { preset } from "@controlnet-js/tsup-preset";

export default preset({
  entry: ["src/index.ts", "src/cli.ts"],
  // The copied kernels of tfjs-node are CommonJS; in a module they need a `require` for what is not copied.
  banner: ({ format }) =>
    format === "esm"
      ? {
          js: 'import { createRequire as createModuleRequire } from "node:module";\nconst require = createModuleRequire(import.meta.url);',
        }
      : {},
});
