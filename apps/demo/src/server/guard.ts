import type { FastifyInstance } from "fastify";

/** Everything comes from the server itself; pictures are data addresses, and nothing may frame the page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

const localHosts = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * Gives every answer its headers, and refuses other host names, so that no foreign page reaches the server by DNS
 * rebinding, and requests that other pages send.
 */
export function guard(server: FastifyInstance): void {
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(headers);
    const { host = "", origin, "sec-fetch-site": site = "none" } = request.headers;
    if (!localHosts.test(host)) return reply.code(403).send({ error: "this page is for 127.0.0.1 alone" });
    const isOwn = origin === undefined || origin.toLowerCase() === `http://${host}`.toLowerCase();
    const isPage = !request.url.startsWith("/api/");
    if (!isOwn || !(isPage || site === "same-origin" || site === "none"))
      return reply.code(403).send({ error: "requests of other pages are refused" });
  });
}
