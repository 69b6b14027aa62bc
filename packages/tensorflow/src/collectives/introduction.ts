// What processes say to each other where they meet: one line of JSON each way. A token is never sent, only proofs.
import { createHmac, timingSafeEqual } from "node:crypto";
import { isIP, type Socket } from "node:net";

/** The variable with a group's token: a random text, the same for all of its processes. */
export const tokenVariable = "CONTROLNET_GROUP_TOKEN";

/** What a process says of itself. */
export interface Introduction {
  rank: number;
  /** Where it listens, on the address that it comes from. */
  port: number;
  /** Random: tells a process that comes again from another one. */
  nonce: string;
}

/** What process 0 answers: where all listen, by rank, or why not. */
export type Answer = { addresses: string[] } | { refused: string };

type Proven<T> = T & { proof?: string };

/** Bytes of the longest introduction. */
export const longestIntroduction = 1000;

/** Bytes of the longest answer; a host name has at most 255. */
export const longestAnswer = (size: number): number => 1000 + 300 * size;

function proofOf(token: string, message: unknown, nonce: string): string {
  return createHmac("sha256", token)
    .update(JSON.stringify([message, nonce]))
    .digest("hex");
}

function isProven(token: string | undefined, message: unknown, nonce: string, proof: unknown): boolean {
  if (!token) return proof === undefined;
  const expected = Buffer.from(proofOf(token, message, nonce));
  const given = Buffer.from(typeof proof === "string" ? proof : "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** A message as a line, with a proof that its sender knows the token. */
function lineOf<T extends object>(message: T, nonce: string, token: string | undefined): string {
  const proven: Proven<T> = token ? { ...message, proof: proofOf(token, message, nonce) } : message;
  return `${JSON.stringify(proven)}\n`;
}

export const introductionLine = (introduction: Introduction, token: string | undefined): string =>
  lineOf(introduction, introduction.nonce, token);

export const answerLine = (answer: Answer, nonce: string, token: string | undefined): string =>
  lineOf(answer, nonce, token);

/** The introduction in a line and whether it is proven; undefined where it is that of no process of the group. */
export function parseIntroduction(
  line: string,
  size: number,
  token: string | undefined,
): { introduction: Introduction; proven: boolean } | undefined {
  const { rank, port, nonce, proof } = parseObject(line);
  const isWithin = (value: unknown, end: number): value is number =>
    Number.isInteger(value) && (value as number) > 0 && (value as number) < end;
  if (!isWithin(rank, size) || !isWithin(port, 2 ** 16)) return undefined;
  if (typeof nonce !== "string" || nonce.length > 64) return undefined;
  const introduction: Introduction = { rank, port, nonce };
  return { introduction, proven: isProven(token, introduction, nonce, proof) };
}

/** The answer in a line to `introduction`, and whether it is proven; undefined where it is not process 0's. */
export function parseAnswer(
  line: string,
  { rank, port, nonce }: Introduction,
  size: number,
  token: string | undefined,
): { answer: Answer; proven: boolean } | undefined {
  const { addresses, refused, proof } = parseObject(line);
  let answer: Answer | undefined;
  if (typeof refused === "string") answer = { refused };
  if (Array.isArray(addresses) && addresses.length === size && addresses.every(isAddress))
    if (addresses[rank]!.endsWith(`:${port}`)) answer = { addresses };
  return answer && { answer, proven: isProven(token, answer, nonce, proof) };
}

function isAddress(value: unknown): value is string {
  const [, ipv6, name] = /^(?:\[([^\]]*)\]|([\w.-]{1,255})):\d{1,5}$/.exec(String(value)) ?? [];
  return typeof value === "string" && (name !== undefined || isIP(ipv6 ?? "") === 6);
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * Reads one line of at most `longest` bytes that is whole within `milliseconds`.
 * @throws Error where it is longer, late, or the connection ends first
 */
export function readLine(socket: Socket, longest: number, milliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      socket.off("data", read).off("close", closed).off("error", settle);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks).toString());
    };
    const read = (chunk: Buffer): void => {
      const end = chunk.indexOf("\n");
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      bytes += part.length;
      chunks.push(part);
      if (bytes > longest) settle(new Error(`a line of more than ${longest} bytes`));
      else if (end >= 0) settle();
    };
    const closed = (): void => settle(new Error("the connection was closed"));
    const timer = setTimeout(() => settle(new Error("timed out")), Math.min(milliseconds, 2 ** 31 - 1));
    socket.on("data", read).once("close", closed).once("error", settle);
  });
}
