import { fileURLToPath } from "node:url";

/** The path of a fixture, as `tooling/reference/pipeline_fixtures.py` wrote it. */
export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
