import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The test page's script, bundled from source. */
export async function bundleTestPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [pathOf("../browser/test-page.ts")],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022",
    conditions: ["@controlnet-js/source"],
    logLevel: "warning",
  });
  return outputFiles[0]!.text;
}

/**
 * Opens the test page with the fixtures' folder beside it. Nothing listens: requests are answered here.
 * @param options.pictures further files by their path, such as `/photo.jpg`
 * @param options.wasm false takes WebAssembly away, so that plain TypeScript does the work
 */
export async function openTestPage(
  browser: Browser,
  script: string,
  options: { pictures?: Record<string, Buffer>; wasm?: boolean } = {},
): Promise<Page> {
  const { pictures = {}, wasm = true } = options;
  const context = await browser.newContext();
  await context.route("**/*", async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === "/")
      return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Tests</title>" });
    const picture = pictures[pathname];
    if (picture) return route.fulfill({ body: picture });
    if (/^\/fixtures\/[\w.]+$/.test(pathname))
      return route.fulfill({ body: await readFile(pathOf(`../..${pathname}`)) });
    return route.fulfill({ status: 404 });
  });
  const page = await context.newPage();
  if (!wasm) await page.addInitScript("delete globalThis.WebAssembly");
  // Web crypto is there in secure contexts only, and localhost is one.
  await page.goto("http://localhost/");
  await page.addScriptTag({ content: script });
  return page;
}
