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

/** No picture has more pixels along a side; more is a slip of the hand. */
export const longestSide = 16_384;

/** Reads "512x768" as width and height. */
export function pictureSize(text: string): { width: number; height: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  const [width, height] = [Number(match?.[1]), Number(match?.[2])];
  const fits = (side: number) => side >= 1 && side <= longestSide;
  if (!fits(width) || !fits(height))
    throw new InvalidArgumentError(
      `expected WIDTHxHEIGHT, such as 512x768, with sides of 1 to ${longestSide} pixels`,
    );
  return { width, height };
}
