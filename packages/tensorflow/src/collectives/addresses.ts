import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** Where a process listens. */
export interface Address {
  /** A name or an IP address, without brackets. */
  host: string;
  port: number;
}

/** Parses `host:port`; an IPv6 host may be in brackets. `localhost` becomes 127.0.0.1, one address for everybody. */
export function parseAddress(text: string): Address {
  const at = text.lastIndexOf(":");
  const host = text.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return { host: host.toLowerCase() === "localhost" ? "127.0.0.1" : host, port: Number(text.slice(at + 1)) };
}

/** The reverse of {@link parseAddress}, as TensorFlow reads it. */
export const formatAddress = ({ host, port }: Address): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only processes of this machine can reach an IP address; false for names. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

/**
 * The IP address that stands for `host` on this machine.
 * @throws Error as `dns.lookup`, where the name is unknown
 */
export const ipOf = async (host: string): Promise<string> =>
  isIP(host) ? host : (await lookup(host)).address;
