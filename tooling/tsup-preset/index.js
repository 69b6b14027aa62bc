import { defineConfig } from "tsup";
import { esbuildNotices } from "./notices.js";

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
    esbuildPlugins: [esbuildNotices],
    ...overrides,
  });
