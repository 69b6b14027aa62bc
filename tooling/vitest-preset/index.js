import { defineConfig } from "vitest/config";

/** Test settings of every package: native add-ons need process workers, workspace packages load from source. */
export const preset = (test = {}) =>
  defineConfig({
    resolve: { conditions: ["@controlnet-js/source", "module", "node", "import", "default"] },
    ssr: { resolve: { conditions: ["@controlnet-js/source", "module", "node", "import", "default"] } },
    test: {
      pool: "forks",
      include: ["src/**/*.test.ts"],
      testTimeout: 60_000,
      ...test,
    },
  });
