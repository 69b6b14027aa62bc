import type { ColourName } from "./colours.js";
import type { Vector } from "./vector.js";

/** What a place looks like. Colours are sRGB 0-255, light is linear. */
export interface Setting {
  /** How captions name it. */
  phrase: string;
  /** Colours that main objects do not have here, because the place has them. */
  without: readonly ColourName[];
  ground: Vector;
  /** The second colour of the ground, mixed in by slow noise. */
  groundPatch: Vector;
  skyTop: Vector;
  skyLow: Vector;
  /** Light of the sun or lamp. */
  sun: Vector;
  /** Height of the sun, radians. */
  sunHeight: number;
  /** Light from above and from the ground. */
  ambient: Vector;
  bounce: Vector;
  /** Share of the distant colour that a metre behind the object adds. */
  haze: number;
  /** What stands at the horizon. */
  backdrop: "hills" | "sea" | "dunes" | "mountains" | "city" | "wall" | "none" | "craters";
  /** Colours of the backdrop, near and far. */
  far: readonly [Vector, Vector];
}

/** The places, by name. */
export const SETTINGS = {
  meadow: {
    phrase: "on a meadow at noon",
    without: ["green"],
    ground: [142, 186, 98],
    groundPatch: [160, 198, 108],
    skyTop: [112, 176, 232],
    skyLow: [204, 230, 246],
    sun: [0.74, 0.72, 0.66],
    sunHeight: 0.95,
    ambient: [0.4, 0.42, 0.45],
    bounce: [0.27, 0.3, 0.22],
    haze: 0.012,
    backdrop: "hills",
    far: [
      [112, 164, 96],
      [142, 186, 150],
    ],
  },
  beach: {
    phrase: "on a beach at sunset",
    without: ["orange", "brown", "pink", "yellow"],
    ground: [228, 198, 152],
    groundPatch: [236, 208, 164],
    skyTop: [150, 142, 196],
    skyLow: [255, 196, 142],
    sun: [0.82, 0.66, 0.5],
    sunHeight: 0.5,
    ambient: [0.4, 0.38, 0.42],
    bounce: [0.3, 0.26, 0.22],
    haze: 0.01,
    backdrop: "sea",
    far: [
      [122, 148, 184],
      [248, 190, 160],
    ],
  },
  snow: {
    phrase: "in the snow",
    without: ["white", "grey"],
    ground: [236, 241, 248],
    groundPatch: [224, 232, 244],
    skyTop: [140, 178, 218],
    skyLow: [206, 224, 242],
    sun: [0.62, 0.62, 0.62],
    sunHeight: 0.7,
    ambient: [0.42, 0.44, 0.48],
    bounce: [0.36, 0.38, 0.42],
    haze: 0.02,
    backdrop: "mountains",
    far: [
      [218, 228, 240],
      [160, 182, 208],
    ],
  },
  desert: {
    phrase: "in the desert",
    without: ["orange", "brown", "yellow"],
    ground: [222, 172, 112],
    groundPatch: [230, 184, 124],
    skyTop: [92, 166, 226],
    skyLow: [214, 226, 226],
    sun: [0.78, 0.73, 0.62],
    sunHeight: 0.8,
    ambient: [0.38, 0.39, 0.42],
    bounce: [0.32, 0.27, 0.2],
    haze: 0.01,
    backdrop: "dunes",
    far: [
      [206, 148, 92],
      [226, 178, 126],
    ],
  },
  street: {
    phrase: "on a street at night",
    without: ["black", "grey"],
    ground: [62, 65, 80],
    groundPatch: [68, 71, 86],
    skyTop: [16, 20, 48],
    skyLow: [46, 50, 92],
    sun: [0.64, 0.59, 0.5],
    sunHeight: 1.0,
    ambient: [0.24, 0.27, 0.35],
    bounce: [0.15, 0.16, 0.2],
    haze: 0,
    backdrop: "city",
    far: [
      [30, 33, 60],
      [38, 42, 76],
    ],
  },
  room: {
    phrase: "in a room",
    without: ["brown", "white", "orange"],
    ground: [196, 152, 108],
    groundPatch: [186, 142, 98],
    skyTop: [226, 224, 208],
    skyLow: [226, 224, 208],
    sun: [0.56, 0.53, 0.48],
    sunHeight: 0.95,
    ambient: [0.48, 0.47, 0.45],
    bounce: [0.32, 0.29, 0.25],
    haze: 0,
    backdrop: "wall",
    far: [
      [226, 224, 208],
      [248, 246, 240],
    ],
  },
  fog: {
    phrase: "in the fog",
    without: ["white", "grey"],
    ground: [158, 164, 160],
    groundPatch: [150, 158, 152],
    skyTop: [206, 211, 214],
    skyLow: [206, 211, 214],
    sun: [0.44, 0.44, 0.43],
    sunHeight: 1.0,
    ambient: [0.52, 0.53, 0.55],
    bounce: [0.34, 0.34, 0.34],
    haze: 0.16,
    backdrop: "none",
    far: [
      [206, 211, 214],
      [206, 211, 214],
    ],
  },
  moon: {
    phrase: "on the moon",
    without: ["black", "grey", "white"],
    ground: [164, 164, 168],
    groundPatch: [146, 146, 152],
    skyTop: [10, 11, 22],
    skyLow: [16, 18, 34],
    sun: [0.82, 0.82, 0.8],
    sunHeight: 0.6,
    ambient: [0.3, 0.3, 0.33],
    bounce: [0.26, 0.26, 0.27],
    haze: 0,
    backdrop: "craters",
    far: [
      [120, 120, 126],
      [98, 98, 106],
    ],
  },
} as const satisfies Record<string, Setting>;

/** The name of a place. */
export type SettingName = keyof typeof SETTINGS;

/** All places, in the order of {@link SETTINGS}. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
