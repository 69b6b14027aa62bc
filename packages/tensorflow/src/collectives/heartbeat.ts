import { connect } from "node:net";
import type { PeerHealth } from "./communicator.js";

/**
 * Asks the heartbeat of a process, a thread that answers every connection with one byte. Nobody listening means dead;
 * a connection without an answer, or a host that cannot be reached, means unresponsive.
 */
export function askHeartbeat(host: string, port: number, timeoutSeconds: number): Promise<PeerHealth> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (health: PeerHealth): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(health);
    };
    const timer = setTimeout(() => settle("unresponsive"), timeoutSeconds * 1000);
    socket.once("data", () => settle("alive"));
    // The kernel of a living host refuses or resets for a process that has ended.
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      settle(code === "ECONNREFUSED" || code === "ECONNRESET" ? "dead" : "unresponsive"),
    );
    socket.once("close", () => settle("dead"));
  });
}
