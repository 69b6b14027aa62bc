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
 * addresses at `meeting` and hands out the list. Whoever else connects there, such as a probe of the port, is sent away.
 * @throws TensorFlowError `aborted` where not all came within the time-out, `config` where process 0 can't listen there
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
      readLine(socket, longestIntroduction).then(
        (line) => {
          const came = introduction(line, size);
          if (!came) return void socket.destroy();
          addresses[came.rank] =
            `${socket.remoteAddress?.replace(/^::ffff:/, "") ?? "localhost"}:${came.port}`;
          if (addresses.filter(Boolean).length < size) return;
          for (const each of sockets) each.end(`${JSON.stringify(addresses)}\n`);
          close(server);
          resolve(addresses);
        },
        () => void socket.destroy(),
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
      const message = `meet: process 0 can't listen at ${meeting} (${error.message}); choose another MASTER_PORT`;
      reject(new TensorFlowError(message, { cause: error }, "config"));
    });
    server.listen(meetingPort);
  });
}

const longestIntroduction = 1000;

/** What a process says of itself; undefined where it is none of the group. */
function introduction(line: string, size: number): { rank: number; port: number } | undefined {
  try {
    const { rank, port } = JSON.parse(line) as { rank?: unknown; port?: unknown };
    const isWithin = (value: unknown, end: number): value is number =>
      Number.isInteger(value) && (value as number) > 0 && (value as number) < end;
    return isWithin(rank, size) && isWithin(port, 2 ** 16) ? { rank, port } : undefined;
  } catch {
    return undefined;
  }
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

function readLine(socket: Socket, longest = Number.POSITIVE_INFINITY): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
      else if (text.length > longest) reject(new Error(`a line of more than ${longest} characters`));
    });
    socket.on("close", () => reject(new Error("closed")));
    socket.on("error", reject);
  });
}
