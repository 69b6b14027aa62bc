import type { ColourName } from "../colours.js";
import { SETTINGS, type Setting } from "../settings.js";
import type { Vector } from "../vector.js";

/** The places of captions. */
export const PLACES = {
  meadow: { phrase: "on a meadow", without: ["green"] },
  beach: { phrase: "on a beach", without: ["orange", "brown", "yellow"] },
  snow: { phrase: "in the snow", without: ["white", "grey"] },
  desert: { phrase: "in the desert", without: ["orange", "brown", "yellow"] },
  street: { phrase: "on a street", without: ["black", "grey"] },
  room: { phrase: "in a room", without: ["brown", "white", "orange"] },
  fog: { phrase: "in the fog", without: ["white", "grey"] },
  moon: { phrase: "on the moon", without: ["black", "grey", "white"] },
} as const satisfies Record<string, { phrase: string; without: readonly ColourName[] }>;

/** The name of a place. */
export type PlaceName = keyof typeof PLACES;

/** All places. */
export const PLACE_NAMES = Object.keys(PLACES) as PlaceName[];

/** The times of day, and how captions name them. */
export const TIMES = { day: "", noon: "at noon", sunset: "at sunset", night: "at night" } as const;

/** The name of a time. */
export type TimeName = keyof typeof TIMES;

/** Whether a place has times of day. */
export const hasTimes = (place: PlaceName): boolean =>
  place !== "room" && place !== "fog" && place !== "moon";

/** Colours that objects do not have in a place at a time: the place has them, or its light hides them. */
export function coloursWithout(place: PlaceName, time: TimeName): readonly ColourName[] {
  const own: readonly ColourName[] = PLACES[place].without;
  if (time === "night") return [...own, "black", "grey"];
  if (time === "sunset") return [...own, "grey"];
  return own;
}

const tint = (colour: Vector, by: Vector): Vector => [
  colour[0] * by[0],
  colour[1] * by[1],
  colour[2] * by[2],
];

/** By day a street and its houses are grey. */
const STREET: Setting = {
  ...SETTINGS.street,
  ground: [124, 126, 132],
  groundPatch: [132, 134, 140],
  skyTop: [118, 176, 230],
  skyLow: [206, 226, 242],
  sun: [0.7, 0.68, 0.63],
  ambient: [0.42, 0.43, 0.46],
  bounce: [0.28, 0.28, 0.28],
  haze: 0.01,
  far: [
    [136, 140, 154],
    [172, 180, 194],
  ],
};

/** What a place looks like at a time of day. */
export function settingOf(place: PlaceName, time: TimeName): Setting {
  const day: Setting =
    place === "street"
      ? STREET
      : place === "beach"
        ? {
            ...SETTINGS.beach,
            skyTop: [104, 172, 232],
            skyLow: [204, 230, 246],
            sun: [0.76, 0.73, 0.65],
            bounce: [0.32, 0.29, 0.24],
            far: [
              [58, 128, 176],
              [150, 196, 222],
            ],
          }
        : place === "fog"
          ? // Thin enough to name the colours of all that is seen.
            { ...SETTINGS.fog, haze: 0.06 }
          : SETTINGS[place];
  if (time === "sunset")
    return {
      ...day,
      ground: tint(day.ground, [0.98, 0.86, 0.8]),
      groundPatch: tint(day.groundPatch, [0.98, 0.86, 0.8]),
      skyTop: [126, 126, 190],
      skyLow: [255, 188, 132],
      sun: [0.84, 0.68, 0.52],
      ambient: [0.4, 0.38, 0.42],
      bounce: [0.3, 0.26, 0.24],
      far: [tint(day.far[0], [0.78, 0.66, 0.72]), tint(day.far[1], [1, 0.78, 0.76])],
    };
  if (time === "night")
    return {
      ...day,
      ground: tint(day.ground, [0.36, 0.42, 0.54]),
      groundPatch: tint(day.groundPatch, [0.4, 0.46, 0.58]),
      skyTop: [14, 18, 46],
      skyLow: [44, 52, 96],
      sun: [0.62, 0.6, 0.56],
      ambient: [0.27, 0.29, 0.36],
      bounce: [0.16, 0.17, 0.2],
      haze: 0,
      far: [tint(day.far[0], [0.24, 0.28, 0.38]), tint(day.far[1], [0.24, 0.28, 0.4])],
    };
  return day;
}

/** Heights above the horizon between which the sun, moon or lamp stands, radians. */
export function lightHeights(place: PlaceName, time: TimeName): readonly [number, number] {
  if (place === "room") return [0.75, 1.3];
  if (time === "sunset") return [0.26, 0.5];
  if (time === "noon") return [1.0, 1.4];
  if (time === "night") return [0.6, 1.2];
  return [0.45, 1.2];
}
