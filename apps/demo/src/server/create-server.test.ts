import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPngText } from "@controlnet-js/pipeline/node";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { memory } from "@tensorflow/tfjs-core";
import type { FastifyInstance } from "fastify";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTinyModel, type TinyModel } from "../testing/tiny-model.js";
import { createServer } from "./create-server.js";
import { createPainter, type Painter } from "./painter.js";

let pageFolder: string;
let model: TinyModel;
let painter: Painter;
let server: FastifyInstance;
let url: string;
beforeAll(async () => {
  await useCpuBackend();
  pageFolder = mkdtempSync(join(tmpdir(), "demo-page-"));
  writeFileSync(join(pageFolder, "index.html"), "<title>page</title>");
  model = createTinyModel();
  painter = createPainter(model.pipeline, model.net);
  server = createServer({ painter, pageFolder, engine: "plain JavaScript" });
  url = await server.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await server.close();
  painter.dispose();
  model.dispose();
  rmSync(pageFolder, { recursive: true });
});

const generate = (payload: object, on = server) =>
  on.inject({ method: "POST", url: "/api/generate", payload });

const errorOf = (answer: { json(): { error: string } }) => answer.json().error;

const dataAddress = (png: Buffer) => `data:image/png;base64,${png.toString("base64")}`;

const bytesOf = (address: string) => Buffer.from(address.slice(address.indexOf(",") + 1), "base64");

interface EventData {
  step: number;
  steps: number;
  preview: string;
  picture: string;
  warnings: string[];
}

const eventsOf = (body: string) =>
  body
    .split("\n\n")
    .slice(0, -1)
    .map((message) => {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(message)!;
      return { event, data: JSON.parse(data!) as EventData };
    });

/** A white square's outline on black. */
const squareMap = (side = 64) =>
  sharp({ create: { width: side, height: side, channels: 3, background: "black" } })
    .composite([
      {
        input: Buffer.from(
          '<svg width="40" height="40"><rect x="1" y="1" width="30" height="30" stroke="white" fill="none"/></svg>',
        ),
      },
    ])
    .png()
    .toBuffer();

test("serves the page and tells what is loaded", async () => {
  expect((await server.inject("/")).body).toContain("<title>page</title>");
  expect((await server.inject("/api/model")).json()).toEqual({
    width: 64,
    height: 64,
    controlled: true,
    engine: "plain JavaScript",
  });
});

test("tells every step, then gives the picture with its parameters inside", async () => {
  const settings = {
    prompt: "a red house",
    negativePrompt: "snow",
    strength: 0.5,
    guidance: 3,
    steps: 2,
    seed: 7,
  };
  const answer = await generate({ ...settings, map: dataAddress(await squareMap()) });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers["content-type"]).toBe("text/event-stream");
  const events = eventsOf(answer.body);
  const [last] = events.splice(-1);
  expect(events.length).toBeGreaterThanOrEqual(2);
  expect(events.map(({ event, data }) => [event, data.step, data.steps])).toEqual(
    events.map((_, i) => ["step", i + 1, events.length]),
  );
  for (const png of [events[0]!.data.preview, last!.data.picture]) {
    const { format, width, height } = await sharp(bytesOf(png)).metadata();
    expect({ format, width, height }).toEqual({ format: "png", width: 64, height: 64 });
  }
  expect(last!.event).toBe("done");
  const parameters = JSON.parse(readPngText(bytesOf(last!.data.picture), "parameters")!);
  expect(parameters).toMatchObject({
    ...settings,
    applied: { prompts: ["a red house"], seed: 7, guidance: 3 },
  });
  expect(parameters.applied.controls).toHaveLength(1);
  expect(parameters.applied.controls[0].calls[0].scales[0]).toBeCloseTo(0.5);
});

test("the same request gives the same picture, another seed another", async () => {
  const paint = async (seed: number) => {
    const { data } = eventsOf((await generate({ prompt: "a house", steps: 1, seed })).body).at(-1)!;
    return sharp(bytesOf(data.picture)).raw().toBuffer();
  };
  const first = await paint(1);
  expect((await paint(1)).equals(first)).toBe(true);
  expect((await paint(2)).equals(first)).toBe(false);
});

test("passes on warnings: a blank map", async () => {
  const blank = sharp({ create: { width: 64, height: 64, channels: 3, background: "black" } });
  const answer = await generate({ prompt: "a", steps: 1, map: dataAddress(await blank.png().toBuffer()) });
  expect(eventsOf(answer.body).at(-1)!.data.warnings.join()).toMatch(/blank/i);
});

test.each<[string, object, RegExp]>([
  ["an unknown key", { prompt: "a", promt: "b" }, /unknown key "promt", did you mean "prompt"\?/],
  ["no prompt", { steps: 2 }, /prompt/],
  ["too many steps", { prompt: "a", steps: 5000 }, /steps: .*100/],
  ["a seed below 0", { prompt: "a", seed: -1 }, /seed/],
  ["a map that is no address", { prompt: "a", map: "http://other/" }, /map: .*data:image\/png/],
  ["a map that is no PNG", { prompt: "a", map: "data:image/png;base64,PHN2Zy8+" }, /no PNG/],
])("refuses %s", async (_, payload, message) => {
  const answer = await generate(payload);
  expect(answer.statusCode).toBe(400);
  expect(errorOf(answer)).toMatch(message);
});

test("refuses a map of another size", async () => {
  const answer = await generate({ prompt: "a", map: dataAddress(await squareMap(48)) });
  expect(answer.statusCode).toBe(400);
  expect(errorOf(answer)).toBe("expected a control map of 64x64 pixels, got 48x48");
});

test("refuses a PNG cut short", async () => {
  const png = await squareMap();
  const answer = await generate({ prompt: "a", map: dataAddress(png.subarray(0, png.length / 2)) });
  expect(answer.statusCode).toBe(400);
  expect(errorOf(answer)).toMatch(/the control map can't be read/);
});

test("refuses a body that is too large", async () => {
  const answer = await generate({ prompt: "a", map: `data:image/png;base64,${"A".repeat(5 * 2 ** 20)}` });
  expect(answer.statusCode).toBe(413);
  expect(errorOf(answer)).toMatch(/too large/);
});

test("refuses a map where there is no ControlNet, and says how to get one", async () => {
  const plain = createPainter(model.pipeline, undefined);
  const without = createServer({ painter: plain, pageFolder, engine: "plain JavaScript" });
  expect((await without.inject("/api/model")).json()).toMatchObject({ controlled: false });
  const answer = await generate({ prompt: "a", map: dataAddress(await squareMap()) }, without);
  expect(answer.statusCode).toBe(400);
  expect(errorOf(answer)).toMatch(/npm start/);
  await without.close();
  plain.dispose();
});

test("refuses other host names, against DNS rebinding", async () => {
  for (const host of ["example.com", "127.0.0.1.example.com", "localhost.example.com:5173"]) {
    const answer = await server.inject({ url: "/api/model", headers: { host } });
    expect(answer.statusCode).toBe(403);
  }
  for (const host of ["127.0.0.1:5173", "localhost:5173", "[::1]"]) {
    const answer = await server.inject({ url: "/api/model", headers: { host } });
    expect(answer.statusCode).toBe(200);
  }
});

test("paints one picture at a time; who leaves frees the painter, and no tensor stays", async () => {
  const before = memory().numTensors;
  const paint = vi.spyOn(painter, "paint");
  const controller = new AbortController();
  const response = await fetch(`${url}/api/generate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "a house", steps: 100 }),
    signal: controller.signal,
  });
  await response.body!.getReader().read();
  expect(painter.busy).toBe(true);
  const second = await generate({ prompt: "a house", steps: 1 });
  expect(second.statusCode).toBe(409);
  expect(errorOf(second)).toMatch(/another picture is being painted/);
  controller.abort();
  await expect(paint.mock.results[0]!.value).rejects.toMatchObject({ code: "aborted" });
  expect(painter.busy).toBe(false);
  expect(memory().numTensors).toBe(before);
  expect(eventsOf((await generate({ prompt: "a house", steps: 1 })).body).at(-1)!.event).toBe("done");
  paint.mockRestore();
});
