import type { ColourName } from "./colours.js";

/**
 * The name of one pixel's colour (sRGB bytes) as an object of that colour shows it in light or shade; `"plain"` for
 * black, grey and white, which a single pixel cannot tell apart.
 */
export function classifyPixel(
  r: number,
  g: number,
  b: number,
): Exclude<ColourName, "black" | "grey" | "white"> | "plain" {
  const value = Math.max(r, g, b);
  const chroma = value - Math.min(r, g, b);
  const saturation = value === 0 ? 0 : chroma / value;
  if (saturation < 0.24 || chroma < 17) return "plain";
  const turn =
    value === r ? ((g - b) / chroma + 6) % 6 : value === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
  const hue = 60 * turn;
  if (hue < 10 || hue >= 345) return saturation < 0.56 && value > 120 ? "pink" : "red";
  if (hue < 39) {
    if (saturation < 0.74) return value > 150 && hue < 14 ? (saturation < 0.56 ? "pink" : "red") : "brown";
    return "orange";
  }
  if (hue < 70) return "yellow";
  if (hue < 158) return "green";
  if (hue < 203) return "cyan";
  if (hue < 250) return "blue";
  if (hue < 306) return "purple";
  return saturation < 0.56 ? "pink" : hue > 335 ? "red" : "purple";
}
