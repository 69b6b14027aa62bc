import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPngText } from "@controlnet-js/preprocessors/node";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import type { FastifyInstance } from "fastify";
import { type Browser, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { build, defaultClientConditions } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createServer } from "./server/create-server.js";
import { createPainter, type Painter } from "./server/painter.js";
import { createTinyModel, type TinyModel } from "./testing/tiny-model.js";

const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

let folder: string;
let model: TinyModel;
let painter: Painter;
let server: FastifyInstance;
let url: string;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  if (!existsSync(browserPath))
    throw new Error(
      `no Chromium at ${browserPath}: install it by \`apt-get install -y chromium\`, or set CHROMIUM to its path`,
    );
  folder = mkdtempSync(join(tmpdir(), "demo-page-"));
  await build({
    configFile: fileURLToPath(new URL("../vite.config.ts", import.meta.url)),
    root: fileURLToPath(new URL("page", import.meta.url)),
    resolve: { conditions: ["@controlnet-js/source", ...defaultClientConditions] },
    build: { outDir: join(folder, "page") },
    logLevel: "warn",
  });
  await useCpuBackend();
  model = createTinyModel();
  painter = createPainter(model.pipeline, model.net);
  server = createServer({ painter, pageFolder: join(folder, "page"), engine: "plain JavaScript" });
  url = await server.listen({ host: "127.0.0.1", port: 0 });
  browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  painter?.dispose();
  model?.dispose();
  if (folder) rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  complaints.length = 0;
  page = await browser.newPage({ viewport: { width: 1100, height: 800 }, acceptDownloads: true });
  page.setDefaultTimeout(90_000);
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(url);
  await page.getByLabel("Drawing").waitFor();
});
afterEach(() => page?.close());

/** White pixels of the map, and whether every pixel is white or black. */
const mapPixels = () =>
  page.getByLabel("Control map").evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const reds = Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]!);
    const white = reds.filter((red) => red === 255).length;
    return { white, binary: white + reds.filter((red) => red === 0).length === reds.length };
  });

/** Draws with the mouse through points in hundredths of the canvas. */
async function draw(...points: [x: number, y: number][]): Promise<void> {
  const box = (await page.getByLabel("Drawing").boundingBox())!;
  const at = ([x, y]: [number, number]) =>
    [box.x + (x / 100) * box.width, box.y + (y / 100) * box.height] as const;
  await page.mouse.move(...at(points[0]!));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 4 });
  await page.mouse.up();
}

const slide = (label: string, value: number) =>
  page.getByRole("slider", { name: label, exact: true }).fill(String(value));

const status = (text: string | RegExp) => page.getByRole("status").filter({ hasText: text }).waitFor();

test("draw, see the map, generate, save the picture with its parameters", async () => {
  expect((await mapPixels()).white).toBeGreaterThan(50);
  await page.getByRole("button", { name: "Clear" }).click();
  expect(await mapPixels()).toEqual({ white: 0, binary: true });
  await page.getByRole("button", { name: "blue" }).click();
  await draw([25, 75], [25, 40], [50, 20], [75, 40], [75, 75], [25, 75]);
  const drawn = await mapPixels();
  expect(drawn.white).toBeGreaterThan(100);
  expect(drawn.binary).toBe(true);

  await page.getByLabel("Prompt", { exact: true }).fill("a blue house");
  await page.getByLabel("Negative prompt").fill("snow");
  await slide("Steps", 3);
  await slide("Strength", 0.8);
  await slide("Seed", 42);
  await page.getByRole("button", { name: "Generate" }).click();
  await status("Done");
  const picture = page.getByAltText("a blue house");
  expect(
    await picture.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]),
  ).toEqual([64, 64]);

  const [download] = await Promise.all([page.waitForEvent("download"), page.getByText("Save PNG").click()]);
  expect(download.suggestedFilename()).toBe("controlnet-42.png");
  const saved = join(folder, "saved.png");
  await download.saveAs(saved);
  const png = readFileSync(saved);
  const { channels } = await sharp(png).stats();
  expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(2);
  const parameters = JSON.parse(readPngText(png, "parameters")!);
  expect(parameters).toMatchObject({
    prompt: "a blue house",
    negativePrompt: "snow",
    strength: 0.8,
    guidance: 5,
    steps: 3,
    seed: 42,
  });
  expect(parameters.applied.controls).toHaveLength(1);

  await page.screenshot({ path: join(tmpdir(), "demo.png") });
  expect(complaints).toEqual([]);
});

test("the map follows the thresholds, and a picture that is put in", async () => {
  const before = await mapPixels();
  // The horizon's gradient is 4 * 32, too weak at first.
  await slide("Low threshold", 40);
  await slide("High threshold", 80);
  await expect.poll(async () => (await mapPixels()).white).toBeGreaterThan(before.white + 20);
  await slide("High threshold", 200);
  await slide("Low threshold", 100);
  await expect.poll(async () => (await mapPixels()).white).toBe(before.white);
  const svg =
    '<svg width="300" height="200"><rect width="300" height="200" fill="white"/><circle cx="150" cy="100" r="60"/></svg>';
  const buffer = await sharp(Buffer.from(svg)).png().toBuffer();
  await page.getByLabel("Upload").setInputFiles({ name: "circle.png", mimeType: "image/png", buffer });
  // The circle's outline: 2 pi 60 of 200 pixels, on 64; each step of Canny's line is straight or diagonal.
  const outline = (2 * Math.PI * 60 * 64) / 200;
  await expect.poll(async () => (await mapPixels()).white).toBeGreaterThan(0.8 * outline);
  expect((await mapPixels()).white).toBeLessThan(1.3 * outline);
  const broken = { name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
  await page.getByLabel("Upload").setInputFiles(broken);
  await page.getByRole("alert").filter({ hasText: "broken.png" }).waitFor();
});

test("cancel frees the painter, and the next picture comes", async () => {
  await slide("Steps", 100);
  await page.getByRole("button", { name: "Generate" }).click();
  await status(/Step \d+ of/);
  expect(await page.getByRole("button", { name: "Generate" }).isDisabled()).toBe(true);
  await page.getByRole("button", { name: "Cancel" }).click();
  await status("Cancelled");
  await expect.poll(() => painter.busy, { timeout: 30_000 }).toBe(false);
  await slide("Steps", 1);
  await page.getByLabel("Follow the map").uncheck();
  await page.getByRole("button", { name: "Generate" }).click();
  await status("Done");
});

test("what the server refuses is shown", async () => {
  await page.route("**/api/generate", (route) =>
    route.fulfill({ status: 409, json: { error: "another picture" } }),
  );
  await page.getByRole("button", { name: "Generate" }).click();
  await status("another picture");
  expect(await page.getByRole("button", { name: "Generate" }).isEnabled()).toBe(true);
});
