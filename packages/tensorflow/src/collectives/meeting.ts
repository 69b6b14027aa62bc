import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TensorFlowError } from "../errors.js";

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const split = (address: string): { host: string; port: number } => {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
};

/**
 * Tells every process where all of them listen. Each one calls this with its own port; process 0 collects the
 * addresses at `meeting` and hands out the list.
 * @throws TensorFlowError `aborted` where not all came within the time-out
 */
export async function meet(
  meeting: string,
  rank: number,
  size: number,
  port: number,
  timeoutSeconds: number,
): Promise<string[]> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  return rank === 0 ? await host(meeting, size, port, deadline) : await join(meeting, rank, port, deadline);
}

function host(meeting: string, size: number, port: number, deadline: number): Promise<string[]> {
  const { host: ownHost, port: meetingPort } = split(meeting);
  const addresses: string[] = [`${ownHost}:${port}`];
  const sockets: Socket[] = [];
  return new Promise((resolve, reject) => {
    const close = (server: Server): void => {
      clearTimeout(timer);
      server.close();
    };
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      readLine(socket).then(
        (line) => {
          const { rank, port: theirs } = JSON.parse(line) as { rank: number; port: number };
          addresses[rank] = `${socket.remoteAddress?.replace(/^::ffff:/, "") ?? "localhost"}:${theirs}`;
          if (addresses.filter(Boolean).length < size) return;
          for (const each of sockets) each.end(`${JSON.stringify(addresses)}\n`);
          close(server);
          resolve(addresses);
        },
        () => {},
      );
    });
    const timer = setTimeout(() => {
      close(server);
      for (const each of sockets) each.destroy();
      const missing = Array.from({ length: size }, (_, i) => i).filter((i) => !addresses[i]);
      reject(new TensorFlowError(`meet: processes ${missing.join(", ")} did not come`, {}, "aborted"));
    }, deadline - Date.now());
    server.once("error", (error) => {
      close(server);
      reject(error);
    });
    server.listen(meetingPort);
  });
}

async function join(meeting: string, rank: number, port: number, deadline: number): Promise<string[]> {
  const target = split(meeting);
  for (;;) {
    try {
      return await ask(target, { rank, port }, deadline);
    } catch (error) {
      if (Date.now() > deadline)
        throw new TensorFlowError(
          `meet: no answer from process 0 at ${meeting}`,
          { cause: error },
          "aborted",
        );
      await sleep(200);
    }
  }
}

async function ask(
  target: { host: string; port: number },
  message: object,
  deadline: number,
): Promise<string[]> {
  const socket = connect(target);
  const timer = setTimeout(() => socket.destroy(new Error("timed out")), deadline - Date.now());
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.write(`${JSON.stringify(message)}\n`);
    return JSON.parse(await readLine(socket)) as string[];
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    socket.on("close", () => reject(new Error("closed")));
    socket.on("error", reject);
  });
}
