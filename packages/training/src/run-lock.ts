import { createHash } from "node:crypto";
import { mkdir, realpath, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";

/**
 * Holds a run's folder, so that no second run of this machine removes its checkpoints. What holds it is a socket that this
 * process listens on: the system closes it however the process ends. Where none can be made, nothing is held.
 * @returns what releases the folder
 * @throws ControlNetError `state` where another run holds it
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
  const path = await mkdir(folder, { recursive: true }).then(
    () => realpath(folder),
    () => undefined,
  );
  if (path === undefined) return async () => undefined;
  const socket = socketOf(path);
  if (await answers(socket))
    throw new ControlNetError(
      "state",
      `runTraining: another run is at work in ${folder}; wait for its end, or choose another folder`,
    );
  await rm(socket, { force: true }).catch(() => undefined);
  const server = await listen(socket);
  return () => new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()));
}

function socketOf(folder: string): string {
  const name = `controlnet-js-${createHash("sha256").update(folder).digest("hex").slice(0, 24)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.socket`);
}

/** Whether a process listens there. */
const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
  });

const listen = (socket: string): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once("error", () => resolve(undefined));
    server.listen(socket, () => resolve(server.unref()));
  });
