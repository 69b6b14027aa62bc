import { vi } from "vitest";
import { createProgram } from "../program.js";

/**
 * Runs a command line in this process; what it says to the user is left out.
 * @returns what it writes to the standard output
 * @throws what the program would end with, commander's errors among it
 */
export async function runProgram(...args: string[]): Promise<string> {
  let written = "";
  const quiet = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written += text;
    return true;
  });
  try {
    const program = createProgram();
    for (const command of [program, ...program.commands])
      command.exitOverride().configureOutput({ writeErr: () => undefined });
    await program.parseAsync(args, { from: "user" });
  } finally {
    quiet.mockRestore();
    out.mockRestore();
  }
  return written;
}
