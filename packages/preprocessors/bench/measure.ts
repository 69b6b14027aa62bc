/** What each side of the comparison measures by the same rules. */

/** The cases of one picture size by name. */
export type Cases = Record<string, () => unknown>;

/** Milliseconds of processor time, all threads of the process, so that a busy machine counts less. */
function best(action: () => unknown, seconds: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let runs = 0, spent = 0; runs < 3 || spent < seconds * 1e3; runs++) {
    const start = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1e3);
    spent += (user + system) / 1e3;
  }
  return least;
}

/**
 * Answers each line of standard input, `{ size, name, seconds }`, with a line: the milliseconds of the case at its best.
 * @param casesOf the cases of a picture of `size` x `size` pixels
 */
export async function serveCases(casesOf: (size: number) => Cases): Promise<void> {
  const known = new Map<number, Cases>();
  process.stdout.write("ready\n");
  for await (const line of lines()) {
    const { size, name, seconds } = JSON.parse(line);
    if (!known.has(size)) known.set(size, casesOf(size));
    process.stdout.write(`${best(known.get(size)![name]!, seconds)}\n`);
  }
}

async function* lines(): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of process.stdin) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
