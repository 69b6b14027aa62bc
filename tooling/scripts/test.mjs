// Sets everything up, then runs every test.
import { existsSync } from "node:fs";
import { pnpm, run, setUp } from "./setup.mjs";

/** The page is tested in a real browser: Debian's, where it can be installed. */
function provideChromium() {
  if (process.env.CHROMIUM || existsSync("/usr/bin/chromium")) return;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    const quiet = { stdio: ["ignore", "ignore", "inherit"], mayFail: true };
    run("apt-get", ["update"], quiet);
    run("apt-get", ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"], quiet);
  } else process.stderr.write("The page's test needs Chromium: install it, or name one in CHROMIUM.\n");
}

setUp();
provideChromium();
pnpm(["exec", "vitest", "run", ...process.argv.slice(2)]);
