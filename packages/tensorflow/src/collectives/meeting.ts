import { randomBytes } from "node:crypto";
import { type AddressInfo, connect, createServer, isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TensorFlowError } from "../errors.js";
import { type Address, formatAddress, ipOf, isLoopback, parseAddress } from "./addresses.js";
import {
  answerLine,
  type Introduction,
  introductionLine,
  longestAnswer,
  longestIntroduction,
  parseAnswer,
  parseIntroduction,
  readLine,
  tokenVariable,
} from "./introduction.js";

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

/**
 * Tells every process where all of them listen. Each one calls this with its own port; process 0 collects the
 * addresses at `meeting` and hands out the list. Who can't prove that it knows the group's token is sent away; the
 * first claim of a rank counts. Without a token anybody who can connect there may claim a rank.
 * @param token the same for all processes; default: the variable CONTROLNET_GROUP_TOKEN
 * @throws TensorFlowError `aborted` where not all came within the time-out, `config` where process 0 can't listen there,
 * the rank is another process's, or tokens differ
 */
export async function meet(
  meeting: string,
  rank: number,
  size: number,
  port: number,
  timeoutSeconds: number,
  token: string | undefined = process.env[tokenVariable] || undefined,
): Promise<string[]> {
  const deadline = Date.now() + Math.min(timeoutSeconds * 1000, 2 ** 31 - 1);
  const place = parseAddress(meeting);
  if (rank === 0) return await host(place, size, port, deadline, token);
  return await join(place, { rank, port, nonce: randomBytes(16).toString("hex") }, size, deadline, token);
}

/** How long a stranger may take to say who it is, in milliseconds. */
const introductionTime = 5_000;
/** How many may be connected without having said it; the longest silent one goes. */
const mostStrangers = 64;

interface Claim {
  nonce: string;
  address: string;
  socket: Socket;
}

async function host(
  place: Address,
  size: number,
  port: number,
  deadline: number,
  token: string | undefined,
): Promise<string[]> {
  const isPlain = isIP(place.host) !== 0 && (!token || isLoopback(place.host));
  const listening = isPlain ? place.host : await listeningAddress(place, token);
  const claims = new Map<number, Claim>();
  const strangers = new Set<Socket>();
  const refusals = new Set<string>();
  return await new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {}).once("close", () => strangers.delete(socket));
      strangers.add(socket);
      const [longest] = strangers;
      if (strangers.size > mostStrangers + size) longest!.destroy();
      readLine(socket, longestIntroduction, introductionTime)
        .then((line) => hear(socket, line))
        .catch(() => socket.destroy());
    });
    const hear = (socket: Socket, line: string): void => {
      const heard = parseIntroduction(line, size, token);
      if (!heard) return void socket.destroy();
      const { introduction, proven } = heard;
      const { rank, nonce } = introduction;
      const address = formatAddress({ host: hostOf(socket), port: introduction.port });
      const holder = claims.get(rank);
      const comesAgain = holder?.nonce === nonce && holder.address === address;
      const refused = !proven
        ? `its ${tokenVariable} is not process 0's`
        : holder && !comesAgain
          ? `the process at ${holder.address} has that rank`
          : undefined;
      if (refused !== undefined) {
        if (refusals.size < 8) refusals.add(`${hostOf(socket)} as rank ${rank}: ${refused}`);
        socket.end(answerLine({ refused }, nonce, token));
        return;
      }
      strangers.delete(socket);
      claims.set(rank, { nonce, address, socket });
      holder?.socket.destroy();
      // Who leaves before all are here may come again; nobody has more to say.
      socket.on("data", () => socket.destroy());
      socket.once("close", () => claims.get(rank)?.socket === socket && claims.delete(rank));
      if (claims.size < size - 1) return;
      const others = Array.from({ length: size - 1 }, (_, i) => claims.get(i + 1)!);
      const addresses = [formatAddress({ host: place.host, port }), ...others.map((claim) => claim.address)];
      for (const claim of others) claim.socket.end(answerLine({ addresses }, claim.nonce, token)).unref();
      close();
      resolve(addresses);
    };
    const close = (): void => {
      clearTimeout(timer);
      server.close();
      for (const socket of strangers) socket.destroy();
    };
    const timer = setTimeout(() => {
      close();
      const missing = Array.from({ length: size - 1 }, (_, i) => i + 1).filter((rank) => !claims.has(rank));
      for (const { socket } of claims.values()) socket.destroy();
      const where = `at ${formatAddress({ ...place, host: listening ?? "any address" })}`;
      const refused = refusals.size > 0 ? `; refused: ${[...refusals].join(", ")}` : "";
      reject(
        new TensorFlowError(
          `meet: processes ${missing.join(", ")} did not come (process 0 listens ${where}${refused})`,
          {},
          "aborted",
        ),
      );
    }, deadline - Date.now());
    server.once("error", (error) => {
      close();
      reject(cannotListen(place, error));
    });
    server.listen({ port: place.port, ...(listening !== undefined && { host: listening }) });
  });
}

const hostOf = (socket: Socket): string => socket.remoteAddress?.replace(/^::ffff:/, "") ?? "127.0.0.1";

/**
 * The address to listen at: the meeting's own. With a token, all (undefined) where it is another machine's (behind
 * address translation) or a name that stands for loopback on this machine alone.
 */
async function listeningAddress(place: Address, token: string | undefined): Promise<string | undefined> {
  let ip: string;
  try {
    ip = await ipOf(place.host);
  } catch (error) {
    throw cannotListen(place, error as Error);
  }
  if (!token) return ip;
  return isLoopback(ip) || !(await isOwn(ip)) ? undefined : ip;
}

/** Whether an address is one of this machine's. */
const isOwn = (ip: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(0, ip, () => probe.close(() => resolve(true)));
  });

function cannotListen(place: Address, error: Error): TensorFlowError {
  const { code } = error as NodeJS.ErrnoException;
  const remedy =
    code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN"
      ? `set MASTER_ADDR to an address of process 0's machine, or give all processes the same random ${tokenVariable} to listen at every address`
      : "choose another MASTER_PORT";
  return new TensorFlowError(
    `meet: process 0 can't listen at ${formatAddress(place)} (${error.message}); ${remedy}`,
    { cause: error },
    "config",
  );
}

/** For how long an answer without a proof is taken for a stranger's who sits at process 0's port, in milliseconds. */
const strangersStay = 5_000;

async function join(
  place: Address,
  introduction: Introduction,
  size: number,
  deadline: number,
  token: string | undefined,
): Promise<string[]> {
  const name = `process 0 at ${formatAddress(place)}`;
  let doubted: number | undefined;
  for (;;) {
    let cause: unknown;
    try {
      const line = await ask(place, introductionLine(introduction, token), longestAnswer(size), deadline);
      const heard = parseAnswer(line, introduction, size, token);
      if (heard?.proven) {
        if ("addresses" in heard.answer) return heard.answer.addresses;
        throw new TensorFlowError(
          `meet: ${name} refused rank ${introduction.rank}: ${printable(heard.answer.refused)}; start each rank once, with the same ${tokenVariable}`,
          {},
          "config",
        );
      }
      if (heard) doubted ??= Date.now();
    } catch (error) {
      if (error instanceof TensorFlowError) throw error;
      cause = error;
    }
    if (doubted !== undefined && Date.now() - doubted >= strangersStay)
      throw new TensorFlowError(
        `meet: ${name} does not have this process's ${tokenVariable}; give all processes the same`,
        {},
        "config",
      );
    if (Date.now() > deadline)
      throw new TensorFlowError(`meet: no answer from ${name}`, { cause }, "aborted");
    await sleep(200);
  }
}

const printable = (text: string): string => text.replace(/[^ -~]/g, "?");

async function ask(place: Address, line: string, longest: number, deadline: number): Promise<string> {
  const socket = connect(place);
  socket.on("error", () => {});
  try {
    socket.write(line);
    return await readLine(socket, longest, deadline - Date.now());
  } finally {
    socket.destroy();
  }
}
