import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { ControlNetError } from "@controlnet-js/core";
import { readPngText } from "@controlnet-js/preprocessors/node";
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

test("every answer forbids foreign content, framing, sniffing and leaks of its address", async () => {
  const answers = [
    await server.inject("/"),
    await server.inject("/api/model"),
    await server.inject("/absent"),
    await server.inject({ url: "/", headers: { host: "example.com" } }),
    await generate({}),
    await generate({ prompt: "a house", steps: 1 }),
  ];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 404, 403, 400, 200]);
  for (const { headers } of answers) {
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
    expect(headers["content-security-policy"]).not.toMatch(/unsafe|\*|https?:/);
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
    });
  }
});

test("refuses what other pages send", async () => {
  const from = async (headers: Record<string, string>, page = "/api/model") =>
    (await server.inject({ url: page, headers: { host: "localhost:5173", ...headers } })).statusCode;
  for (const origin of ["http://example.com", "null", "http://localhost:8000", "https://localhost:5173"])
    expect([origin, await from({ origin })]).toEqual([origin, 403]);
  expect(await from({ origin: "http://localhost:5173" })).toBe(200);
  for (const site of ["cross-site", "same-site"]) expect(await from({ "sec-fetch-site": site })).toBe(403);
  for (const site of ["same-origin", "none"]) expect(await from({ "sec-fetch-site": site })).toBe(200);
  // A link to the page.
  expect(await from({ "sec-fetch-site": "cross-site" }, "/")).toBe(200);
  // A form needs nobody's leave to send text.
  const payload = JSON.stringify({ prompt: "a" });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const headers = { "content-type": type };
    const answer = await server.inject({ method: "POST", url: "/api/generate", headers, payload });
    expect(answer.statusCode).toBe(415);
  }
});

test("a busy server looks at nothing of a request", async () => {
  const prepare = vi.spyOn(painter, "prepare");
  const parse = vi.spyOn(JSON, "parse");
  const busy = vi.spyOn(painter, "busy", "get").mockReturnValue(true);
  const map = dataAddress(await squareMap());
  const answers = [await generate({ prompt: "a", map }), await generate({ promt: "a" })];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([409, 409]);
  expect(prepare).not.toHaveBeenCalled();
  expect(parse).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  busy.mockRestore();
});

test("of two requests at once, one map is decoded", async () => {
  const prepare = vi.spyOn(painter, "prepare");
  const map = dataAddress(await squareMap());
  const both = await Promise.all([
    generate({ prompt: "a", steps: 1, map }),
    generate({ prompt: "a", steps: 1, map }),
  ]);
  expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409]);
  expect(prepare).toHaveBeenCalledTimes(1);
  prepare.mockRestore();
});

test("refuses deep JSON, and reads braces in a prompt as text", async () => {
  const send = (payload: string) =>
    server.inject({
      method: "POST",
      url: "/api/generate",
      headers: { "content-type": "application/json" },
      payload,
    });
  for (const text of ["[".repeat(1e6), `{"prompt":${'{"a":'.repeat(5)}1${"}".repeat(6)}`]) {
    const answer = await send(text);
    expect(answer.statusCode).toBe(400);
    expect(errorOf(answer)).toMatch(/nests deeper than 4/);
  }
  for (const text of ["", "{", '{"prompt":"a', '{"prompt":"\\"}']) {
    const answer = await send(text);
    expect([text, answer.statusCode]).toEqual([text, 400]);
  }
  expect((await send('{"prompt":"a","__proto__":{"steps":1}}')).statusCode).toBe(400);
  expect((await send(JSON.stringify({ prompt: '{[{["{[\\"{[{[', steps: 1 }))).statusCode).toBe(200);
});

test("a map of another size is refused by its header, undecoded", async () => {
  // Decoding this one would fail, and would need 75 MB.
  const png = await sharp({ create: { width: 5000, height: 5000, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  const answer = await generate({ prompt: "a", map: dataAddress(png.subarray(0, png.length / 2)) });
  expect(answer.statusCode).toBe(400);
  expect(errorOf(answer)).toBe("expected a control map of 64x64 pixels, got 5000x5000");
});

test("of an unexpected error the browser gets a number, the log all of it", async () => {
  const lines: string[] = [];
  const other = createServer({ painter, pageFolder, engine: "", log: (line) => lines.push(line) });
  const secret = new Error("ENOENT: no such file, open '/home/someone/secret'");
  for (const part of ["prepare", "paint"] as const) {
    const broken = vi.spyOn(painter, part).mockRejectedValue(secret);
    const { body } = await generate({ prompt: "a" }, other);
    broken.mockRestore();
    const [, id] = /unexpected error, ([0-9a-f]{8}) in the server's log/.exec(body)!;
    expect(body).not.toMatch(/secret|ENOENT/);
    expect(lines.at(-1)).toContain(id);
    expect(lines.at(-1)).toMatch(/secret'\n +at /);
  }
  expect(lines).toHaveLength(2);
  // It paints on.
  expect((await generate({ prompt: "a", steps: 1 }, other)).body).toContain("event: done");
  await other.close();
});

test("a typed error while painting reaches the user", async () => {
  const failure = new ControlNetError("range", "the latents hold NaN");
  const broken = vi.spyOn(painter, "paint").mockRejectedValue(failure);
  const { body } = await generate({ prompt: "a" });
  broken.mockRestore();
  expect(eventsOf(body)).toEqual([{ event: "error", data: { error: "the latents hold NaN" } }]);
});

test("requests that do not arrive are ended, and hold up nobody", { timeout: 20_000 }, async () => {
  const other = createServer({ painter, pageFolder, engine: "", patience: 800 });
  const port = Number(new URL(await other.listen({ host: "127.0.0.1", port: 0 })).port);
  const head = "POST /api/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
  const closed = ["", "GET / HT", head, `${head}content-length: 100\r\n\r\n{"prompt":`].map(
    (text) =>
      new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(text));
        socket.on("error", () => {}).once("close", () => resolve());
        socket.resume();
      }),
  );
  expect((await generate({ prompt: "a", steps: 1 }, other)).body).toContain("event: done");
  await Promise.all(closed);
  await other.close();
});

test("a client that does not read misses steps; nothing heaps up for it, and it gets its picture", async () => {
  const picture = "x".repeat(1 << 20);
  let written = 0;
  const eager: Painter = {
    ...painter,
    busy: false,
    prepare: async (request) => ({ ...request, map: undefined }),
    async paint(_order, report) {
      for (let step = 1; step <= 100; step++) {
        report({ kind: "step", step, steps: 100, preview: picture });
        written++;
        await setImmediate();
      }
      report({ kind: "done", picture, warnings: [] });
    },
  };
  const other = createServer({ painter: eager, pageFolder, engine: "" });
  const address = await other.listen({ host: "127.0.0.1", port: 0 });
  const port = Number(new URL(address).port);
  const body = JSON.stringify({ prompt: "a" });
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `POST /api/generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
  while (written < 100) await sleep(10);
  let text = "";
  for await (const chunk of socket) text += chunk;
  expect(text.match(/event: step/g)!.length).toBeLessThan(50);
  expect(text).toContain("event: done");
  await other.close();
});
