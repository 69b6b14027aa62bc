import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { isControlNetError, parseOptions, visible } from "@controlnet-js/core";
import fastifyStatic from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import { generateRequestSchema } from "./generate-request.js";
import { guard } from "./guard.js";
import type { Painter } from "./painter.js";
import { readJson } from "./read-json.js";

/** What the server serves. */
export interface ServerOptions {
  painter: Painter;
  /** Folder of the built page. */
  pageFolder: string;
  /** One line about the engine, shown on the page. */
  engine: string;
  /** Receives unexpected errors; stderr by default. */
  log?: (line: string) => void;
  /** How long a request may take to arrive, and a client to fetch its picture, in milliseconds. Default 20,000. */
  patience?: number;
}

const busyMessage = "another picture is being painted; wait for it or cancel it";

/**
 * The page and its two addresses: `GET /api/model` tells sizes and what is loaded, `POST /api/generate` paints and
 * answers with server-sent events `step`, then `done` or `error`. Made for 127.0.0.1; see {@link guard}. Of an
 * unexpected error the client gets a number only, under which the log has all of it.
 */
export function createServer({
  painter,
  pageFolder,
  engine,
  log = (line) => void process.stderr.write(`${visible(line)}\n`),
  patience = 20_000,
}: ServerOptions): FastifyInstance {
  const server = fastify({
    bodyLimit: 4 * 1024 * 1024,
    forceCloseConnections: true,
    requestTimeout: patience,
    keepAliveTimeout: 5_000,
    http: {
      headersTimeout: patience,
      connectionsCheckingInterval: Math.min(patience / 4, 2_000),
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
    },
  });
  server.server.maxConnections = 100;
  guard(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    async (_request: unknown, body: string) => readJson(body),
  );
  const tell = (error: unknown): string => {
    if (isControlNetError(error)) return error.message;
    const id = randomUUID().slice(0, 8);
    log(`unexpected error ${id}: ${inspect(error)}`);
    return `an unexpected error, ${id} in the server's log`;
  };
  server.setErrorHandler(async (error, _request, reply) => {
    const status = isControlNetError(error) ? 400 : ((error as { statusCode?: number }).statusCode ?? 500);
    const message = status < 500 ? (error as Error).message : tell(error);
    return reply.code(status).send({ error: message });
  });
  void server.register(fastifyStatic, { root: pageFolder });

  server.get("/api/model", async () => ({ ...painter.size, controlled: painter.controlled, engine }));

  // From a request's decoding on, before the painter itself begins.
  let preparing = false;
  const isBusy = (): boolean => preparing || painter.busy;
  server.post(
    "/api/generate",
    {
      async onRequest(_request, reply) {
        if (isBusy()) return reply.code(409).send({ error: busyMessage });
      },
    },
    async (request, reply) => {
      const settings = parseOptions("generate", generateRequestSchema, request.body);
      if (isBusy()) return reply.code(409).send({ error: busyMessage });
      const { raw } = reply;
      const controller = new AbortController();
      raw.on("close", () => controller.abort());
      preparing = true;
      try {
        const order = await painter.prepare(settings);
        reply.hijack();
        if (raw.destroyed) return;
        raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          "content-type": "text/event-stream",
          "cache-control": "no-cache",
        });
        await painter
          .paint(order, ({ kind, ...data }) => send(raw, kind, data), controller.signal)
          .catch((error: unknown) => {
            if (!controller.signal.aborted) send(raw, "error", { error: tell(error) });
          });
        // Who never fetches the picture does not keep it here.
        raw.setTimeout(patience, () => raw.destroy());
        raw.end();
      } finally {
        preparing = false;
      }
    },
  );
  return server;
}

/** Sends an event; a client that does not keep up misses steps, so that nothing heaps up here. */
function send(raw: ServerResponse, event: string, data: unknown): void {
  if (event === "step" && raw.writableNeedDrain) return;
  raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
