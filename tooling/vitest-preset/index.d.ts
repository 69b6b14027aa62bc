import type { ViteUserConfig } from "vitest/config";
export declare const preset: (test?: NonNullable<ViteUserConfig["test"]>) => ViteUserConfig;
