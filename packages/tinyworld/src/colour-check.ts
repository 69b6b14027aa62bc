import { ControlNetError, type Image } from "@controlnet-js/core";
import { colourInCaption, settingInCaption } from "./caption.js";
import { COLOUR_NAMES, type ColourName } from "./colours.js";
import { classifyPixel } from "./pixel-colour.js";
import { SETTINGS, type SettingName } from "./settings.js";

/** What is known about the picture whose main colour is asked. */
export interface MainColourOptions {
  /** The place; its own colours then do not count. */
  setting?: SettingName;
  /** 1 on the main object, `[height, width]`; without it the object is looked for. */
  mask?: Uint8Array;
}

/** The colour of a picture's main object. */
export interface MainColour {
  colour: ColourName;
  /** Share of each colour among the pixels that count, 0 to 1. */
  shares: Record<ColourName, number>;
}

/** The answer of {@link colourCheck}. */
export interface ColourCheck {
  right: boolean;
  expected: ColourName;
  found: ColourName;
  shares: Record<ColourName, number>;
}

/** Roofs, wheels and windows are colourless on coloured objects, so colour counts more. */
const weightOf = (name: ColourName): number =>
  name === "black" || name === "grey" || name === "white" ? 0.7 : name === "brown" ? 0.75 : 1;

/**
 * Whether the main object of a picture has the colour that the caption says. It looks at pixels only, never at the
 * model that painted them.
 * @param image RGB bytes
 * @throws ControlNetError `data` where the caption names no colour, `shape` for an image that is not RGB
 */
export function colourCheck(image: Image, caption: string, options: { mask?: Uint8Array } = {}): ColourCheck {
  const expected = colourInCaption(caption);
  if (!expected)
    throw new ControlNetError(
      "data",
      `colourCheck: the caption "${caption}" names no colour (known: ${COLOUR_NAMES.join(", ")})`,
    );
  const setting = settingInCaption(caption);
  const { colour, shares } = mainColour(image, { ...options, ...(setting && { setting }) });
  return { right: colour === expected, expected, found: colour, shares };
}

/**
 * The colour of the object in the middle of a picture. Each pixel gets a colour's name by hue, saturation and
 * value, after a slight blur; pixels vote with a weight that falls from the middle, and without a mask only those that differ from both
 * ends of their row, since what lies behind the object is drawn in level bands.
 * @param image RGB bytes
 * @throws ControlNetError `shape` for an image that is not RGB or a mask of another size
 */
export function mainColour(image: Image, { setting, mask }: MainColourOptions = {}): MainColour {
  const { width, height, channels } = image;
  if (channels !== 3)
    throw new ControlNetError("shape", `mainColour: expected an RGB image, got ${channels} channels`);
  if (mask && mask.length !== width * height)
    throw new ControlNetError(
      "shape",
      `mainColour: expected a mask of ${width}x${height}, got ${mask.length} values`,
    );
  const { data } = smoothed(image);
  const votes = new Map<ColourName, number>();
  // Lightness of colourless pixels: white in shade is as dark as grey in the sun, so their bright part decides.
  const plain = new Float64Array(256);
  let total = 0;
  const foreground = mask ? null : rowContrast(image);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (mask && !mask[i]) continue;
      const across = (x / width - 0.5) / 0.26;
      const down = (y / height - 0.56) / 0.28;
      const weight = mask ? 1 : foreground![i]! * Math.exp(-(across * across + down * down) / 2);
      if (weight < 0.01) continue;
      total += weight;
      const [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
      const name = classifyPixel(r, g, b);
      if (name === "plain") plain[Math.max(r, g, b)]! += weight;
      else votes.set(name, (votes.get(name) ?? 0) + weight);
    }
  const weightless = plain.reduce((sum, value) => sum + value, 0);
  if (weightless > 0) {
    const own: readonly ColourName[] = setting ? SETTINGS[setting].without : [];
    for (const [name, value] of splitPlain(plain, weightless, own)) votes.set(name, value);
  }
  const shares = Object.fromEntries(
    COLOUR_NAMES.map((name) => [name, (votes.get(name) ?? 0) / (total || 1)]),
  ) as Record<ColourName, number>;
  const possible = COLOUR_NAMES.filter(
    (name) => !setting || !(SETTINGS[setting].without as readonly string[]).includes(name),
  );
  const colour = possible.reduce((best, name) =>
    shares[name] * weightOf(name) > shares[best] * weightOf(best) ? name : best,
  );
  return { colour, shares };
}

/** Colourless pixels darker than this are black in any light, brighter than the second are white. */
const BLACK_BELOW = 76;
const WHITE_FROM = 168;

/**
 * Gives the colourless pixels to black, grey or white. Where the place has none of these, all go to one of them:
 * black if nearly half are dark (a black house has a bright roof), else white or grey by the brightest fifth.
 */
function splitPlain(plain: Float64Array, total: number, own: readonly ColourName[]): [ColourName, number][] {
  const sum = (from: number, to: number): number =>
    plain.subarray(from, to).reduce((all, value) => all + value, 0);
  const black = sum(0, BLACK_BELOW);
  const white = sum(WHITE_FROM, 256);
  if (own.includes("grey") || own.includes("black"))
    return [
      ["black", black],
      ["grey", total - black - white],
      ["white", white],
    ];
  if (black > 0.45 * total) return [["black", total]];
  return [[white > 0.2 * total ? "white" : "grey", total]];
}

/** Means of 3x3 pixels: noise would give dark pixels a hue. */
function smoothed({ data, width, height, channels }: Image): Image {
  const mean = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const rows = [Math.max(0, y - 1), y, Math.min(height - 1, y + 1)];
    for (let x = 0; x < width; x++) {
      const columns = [Math.max(0, x - 1), x, Math.min(width - 1, x + 1)];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const row of rows) for (const column of columns) sum += data[3 * (row * width + column) + c]!;
        mean[3 * (y * width + x) + c] = Math.round(sum / 9);
      }
    }
  }
  return { data: mean, width, height, channels };
}

/** How much each pixel differs from both ends of its row, 0 to 1. */
function rowContrast({ data, width, height }: Image): Float64Array {
  const contrast = new Float64Array(width * height);
  const margin = Math.max(2, Math.round(width / 24));
  const mean = (y: number, from: number): [number, number, number] => {
    const sum: [number, number, number] = [0, 0, 0];
    for (let x = from; x < from + margin; x++)
      for (let c = 0; c < 3; c++) sum[c as 0] += data[3 * (y * width + x) + c]! / margin;
    return sum;
  };
  for (let y = 0; y < height; y++) {
    const ends = [mean(y, 0), mean(y, width - margin)];
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const away = ends.map(([r, g, b]) =>
        Math.hypot(data[3 * i]! - r, data[3 * i + 1]! - g, data[3 * i + 2]! - b),
      );
      contrast[i] = Math.min(1, Math.max(0, (Math.min(...away) - 18) / 30));
    }
  }
  return contrast;
}
