import { vi } from "vitest";
import { createProgram } from "../program.js";

/**
 * Runs a command line in this process.
 * @returns what it writes to both streams
 * @throws what the program would end with, commander's errors among it
 */
export async function captureProgram(...args: string[]): Promise<{ out: string; err: string }> {
  const written = { out: "", err: "" };
  const catchInto = (key: "out" | "err") => (chunk: string | Uint8Array) => {
    written[key] += String(chunk);
    return true;
  };
  const out = vi.spyOn(process.stdout, "write").mockImplementation(catchInto("out"));
  const err = vi.spyOn(process.stderr, "write").mockImplementation(catchInto("err"));
  try {
    const program = createProgram();
    for (const command of [program, ...program.commands])
      command.exitOverride().configureOutput({ writeErr: () => undefined });
    await program.parseAsync(args, { from: "user" });
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return written;
}

/** Runs a command line as `captureProgram` does; what it says to the user is left out. */
export const runProgram = async (...args: string[]): Promise<string> => (await captureProgram(...args)).out;
