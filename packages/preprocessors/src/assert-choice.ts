import { ControlNetError, nearestName } from "@controlnet-js/core";

/**
 * Checks that an option is one of its choices: a misspelt one would silently give another map.
 * @param where the function that asks, for the message
 * @param option its name
 * @throws ControlNetError `range` that names the nearest choice
 */
export function assertChoice(where: string, option: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  const nearest = nearestName(String(value), choices);
  throw new ControlNetError(
    "range",
    `${where}: ${option} "${value}" is none of ${choices.join(", ")}${nearest ? `; did you mean "${nearest}"?` : ""}`,
  );
}
