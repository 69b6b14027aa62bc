/** A line for the user, on stderr: stdout is for results. */
export const print = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** A result for machines: JSON on a line of stdout. */
export const printLine = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
