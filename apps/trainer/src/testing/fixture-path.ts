import { fileURLToPath } from "node:url";

/** The path of a fixture of packages/models. */
export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../../../../packages/models/fixtures/${name}`, import.meta.url));
