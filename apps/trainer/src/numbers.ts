import { InvalidArgumentError } from "commander";

/** Reads an option's value as a number within bounds; commander shows the error with the option's name. */
export const number =
  (low: number, high: number, { whole = false } = {}) =>
  (text: string): number => {
    const value = Number(text);
    if (
      text.trim() === "" ||
      !Number.isFinite(value) ||
      value < low ||
      value > high ||
      (whole && !Number.isInteger(value))
    )
      throw new InvalidArgumentError(`expected a ${whole ? "whole " : ""}number in [${low}, ${high}]`);
    return value;
  };

/** Reads "512x768" as width and height. */
export function pictureSize(text: string): { width: number; height: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError("expected WIDTHxHEIGHT, such as 512x768");
  return { width: Number(match[1]), height: Number(match[2]) };
}
