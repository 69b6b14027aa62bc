import { nearestName } from "@controlnet-js/core";
import { InvalidArgumentError } from "commander";

/** Reads a value that is one of several. */
export const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T => {
    if ((values as readonly string[]).includes(text)) return text as T;
    const nearest = nearestName(text, values);
    throw new InvalidArgumentError(
      `expected one of ${values.join(", ")}${nearest ? `; did you mean "${nearest}"?` : ""}`,
    );
  };

/** Reads "1,0.5,0" as numbers. */
export function numberList(text: string): number[] {
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!numbers.every(Number.isFinite))
    throw new InvalidArgumentError("expected numbers with commas between, such as 1,0.5,0");
  return numbers;
}

/** Reads "key=value"; the value is a number, a truth value or null where it reads as one, else text. */
export function keyAndValue(text: string): [key: string, value: unknown] {
  const [, key, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError("expected key=value");
  // Written into an object, it would be lost without a word.
  if (key === "__proto__") throw new InvalidArgumentError(`"${key}" is no option`);
  try {
    return [key, JSON.parse(value!)];
  } catch {
    return [key, value];
  }
}

/** Reads how much is made anew, in (0, 1]. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 1))
    throw new InvalidArgumentError("expected a number above 0, up to 1: 1 makes all anew");
  return value;
}

/** Reads "off", "on" for tiles of the autoencoder's own size, or a whole number of pixels. */
export function tileSide(text: string): number | boolean {
  if (text === "on" || text === "off") return text === "on";
  const value = Number(text);
  if (!Number.isInteger(value) || value < 8)
    throw new InvalidArgumentError("expected on, off, or the side of a tile in pixels, from 8");
  return value;
}
