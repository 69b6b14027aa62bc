// Sets everything up, then runs every test.
import { pnpm, setUp } from "./setup.mjs";

setUp();
pnpm(["exec", "vitest", "run", ...process.argv.slice(2)]);
