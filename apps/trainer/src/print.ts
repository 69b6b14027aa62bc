import { visible } from "@controlnet-js/core";

/** A line for the user, on stderr: stdout is for results. Control characters, which files may hold, are escaped. */
export const print = (line: string): void => {
  process.stderr.write(`${visible(line)}\n`);
};

/** A result for a person, on stdout; control characters are escaped. */
export const printText = (text: string): void => {
  process.stdout.write(`${visible(text)}\n`);
};

/** A result for machines: JSON on stdout, on one line unless it is indented. */
export const printLine = (value: unknown, indent = 0): void => {
  process.stdout.write(`${visible(JSON.stringify(value, null, indent))}\n`);
};
