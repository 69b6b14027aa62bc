import type { Condition, Image } from "@controlnet-js/core";
import { SampleError } from "./sample-error.js";

/** The part of a condition that says what a map must be; plain data, so that it passes between processes. */
export type MapRules = Pick<
  Condition,
  "name" | "channels" | "range" | "polarity" | "channelOrder" | "resize" | "blankIsError"
>;

/** The map rules of a condition. */
export function mapRulesOf(condition: Condition): MapRules {
  const { name, channels, range, polarity, channelOrder, resize, blankIsError } = condition;
  return { name, channels, range, polarity, channelOrder, resize, blankIsError };
}

/** How {@link checkMap} speaks of a map. */
export interface MapCheck {
  /** The file to name. */
  file: string;
  /** Whether a blank map may be skipped: so for a computed one, where a featureless photo is nobody's mistake. */
  blankIsSkippable?: boolean;
}

/**
 * Checks a map against its condition: channels, range of values, not blank.
 * @param map bytes `[height, width, channels]`
 * @throws SampleError `shape`, `range` or `data`
 */
export function checkMap(map: Image, rules: MapRules, { file, blankIsSkippable = false }: MapCheck): void {
  const where = `${file}: condition "${rules.name}"`;
  if (map.channels !== rules.channels)
    throw new SampleError({
      code: "shape",
      message: `${where}: expected a map of ${rules.channels} channels, got ${map.channels}`,
      file,
      skippable: false,
    });
  let low = 255;
  let high = 0;
  for (const value of map.data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // Half a step of slack: a bound such as 0.5 lies between two bytes.
  const [least, most] = rules.range;
  if (low < least * 255 - 0.5 || high > most * 255 + 0.5)
    throw new SampleError({
      code: "range",
      message:
        `${where}: expected values in [${least}, ${most}], that is bytes ${Math.round(least * 255)} to ` +
        `${Math.round(most * 255)}, got ${low} to ${high}`,
      file,
      skippable: false,
    });
  if (rules.blankIsError && low === high)
    throw new SampleError({
      code: "data",
      message: `${where}: the map is blank (every value is ${low}); was it made from a picture, not from a map?`,
      file,
      skippable: blankIsSkippable,
    });
}
