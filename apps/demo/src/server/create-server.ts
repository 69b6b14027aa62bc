import { isControlNetError, parseOptions } from "@controlnet-js/core";
import fastifyStatic from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import { generateRequestSchema } from "./generate-request.js";
import type { Painter } from "./painter.js";

/** What the server serves. */
export interface ServerOptions {
  painter: Painter;
  /** Folder of the built page. */
  pageFolder: string;
  /** One line about the engine, shown on the page. */
  engine: string;
}

const localHosts = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * The page and its two addresses: `GET /api/model` tells sizes and what is loaded, `POST /api/generate` paints and
 * answers with server-sent events `step`, then `done` or `error`. Made for 127.0.0.1: other host names are refused, so
 * that no foreign page reaches it by DNS rebinding.
 */
export function createServer({ painter, pageFolder, engine }: ServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: 4 * 1024 * 1024, forceCloseConnections: true });
  server.addHook("onRequest", async (request, reply) => {
    if (!localHosts.test(request.headers.host ?? ""))
      return reply.code(403).send({ error: "this page is for 127.0.0.1 alone" });
  });
  server.setErrorHandler(async (error, _request, reply) => {
    const status = isControlNetError(error) ? 400 : ((error as { statusCode?: number }).statusCode ?? 500);
    return reply.code(status).send({ error: (error as Error).message });
  });
  void server.register(fastifyStatic, { root: pageFolder });

  server.get("/api/model", async () => ({ ...painter.size, controlled: painter.controlled, engine }));

  server.post("/api/generate", async (request, reply) => {
    const order = await painter.prepare(parseOptions("generate", generateRequestSchema, request.body));
    if (painter.busy)
      return reply.code(409).send({ error: "another picture is being painted; wait for it or cancel it" });
    reply.hijack();
    const { raw } = reply;
    const controller = new AbortController();
    raw.on("close", () => controller.abort());
    if (raw.destroyed) return;
    raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const send = (event: string, data: unknown) =>
      raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    try {
      await painter.paint(order, ({ kind, ...data }) => send(kind, data), controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) send("error", { error: (error as Error).message });
    }
    raw.end();
  });
  return server;
}
