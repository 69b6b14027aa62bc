import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const path = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why there is no Chromium to test in; undefined where there is one. */
export const whyNoChromium: string | undefined = existsSync(path)
  ? undefined
  : `no Chromium at ${path}: install it by \`apt-get install -y chromium\`, or set CHROMIUM to its path`;

/** Starts Chromium without a window; the caller closes it. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: path,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
