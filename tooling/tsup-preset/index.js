import { defineConfig } from "tsup";

/** The build of every package: ESM and CJS side by side, each with exact types. */
export const preset = (overrides = {}) =>
  defineConfig({
    entry: ["src/index.ts"],
    format: ["esm", "cjs"],
    target: "node20",
    dts: true,
    sourcemap: true,
    clean: true,
    shims: true,
    splitting: false,
    ...overrides,
  });
