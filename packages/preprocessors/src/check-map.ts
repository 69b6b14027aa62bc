import { type Condition, ControlNetError, type Image } from "@controlnet-js/core";

/** Something odd about a map. */
export interface MapFinding {
  kind: "channels" | "range" | "blank" | "polarity" | "already-processed" | "channel-order";
  /** An error makes the map useless; a warning is a guess from its pixels. */
  level: "error" | "warning";
  message: string;
}

type AnyImage = Image<Uint8Array> | Image<Uint8ClampedArray> | Image<Float32Array>;
type MapTraits = Pick<
  Condition,
  "name" | "channels" | "range" | "polarity" | "channelOrder" | "blankIsError" | "blankMeans" | "looksSwapped"
>;

/**
 * Looks for the mistakes that people make with maps: another number of channels, values out of range, nothing drawn,
 * black on white, a map made from a map, red and blue swapped.
 * @param map bytes, or floats in the condition's own range
 * @param options.source the picture that the map was made of; without it, a map of a map is guessed from doubled lines,
 * which dense text has as well
 * @returns what was found, errors first; empty for a sound map
 */
export function checkMap(
  condition: MapTraits,
  map: AnyImage,
  options: { source?: Image } = {},
): MapFinding[] {
  const findings: MapFinding[] = [];
  const add = (kind: MapFinding["kind"], level: MapFinding["level"], message: string) =>
    findings.push({ kind, level, message: `condition "${condition.name}": ${message}` });

  if (map.channels !== condition.channels || map.data.length !== map.width * map.height * map.channels) {
    add("channels", "error", `expected ${condition.channels} channels, got ${map.channels}`);
    return findings;
  }
  const unit = map.data instanceof Float32Array ? 1 : 255;
  const { low, high, finite } = extremes(map.data);
  if (!finite) add("range", "error", "the map holds values that are not finite");
  else if (low / unit < condition.range[0] - 1e-6 || high / unit > condition.range[1] + 1e-6)
    add(
      "range",
      "error",
      `expected values in [${condition.range.join(", ")}], got [${low / unit}, ${high / unit}]`,
    );
  if (finite && low === high)
    add(
      "blank",
      condition.blankIsError ? "error" : "warning",
      `every value is ${low / unit}: nothing is drawn; ${
        condition.blankMeans ?? "was the detector run on a map, or are its thresholds too high?"
      }`,
    );
  else if (condition.polarity === "white-on-black") {
    if (isMostlyBright(map, unit))
      add("polarity", "warning", "most of the map is bright: it expects white on black; invert it");
    else if (options.source ? isLineMap(options.source) : isDoubled(map, unit))
      add("already-processed", "warning", "it looks like the map of a map; give the first map as it is");
  }
  if (
    condition.channelOrder === "rgb" &&
    map.channels === 3 &&
    unit === 255 &&
    condition.looksSwapped?.(map as Image)
  )
    add("channel-order", "warning", "red and blue seem to be swapped: it expects RGB");
  return findings.sort((a, b) => (a.level === b.level ? 0 : a.level === "error" ? -1 : 1));
}

/**
 * Throws where {@link checkMap} finds an error.
 * @returns the warnings
 * @throws ControlNetError `shape` for channels, `range` for values, `data` for a blank map
 */
export function assertMap(
  condition: MapTraits,
  map: AnyImage,
  options: { source?: Image } = {},
): MapFinding[] {
  const findings = checkMap(condition, map, options);
  const error = findings.find(({ level }) => level === "error");
  if (!error) return findings;
  const code = error.kind === "channels" ? "shape" : error.kind === "range" ? "range" : "data";
  throw new ControlNetError(code, error.message);
}

/** Whether a picture is itself a map of lines: nearly all of it black or white, most of it black, no colour. */
export function isLineMap(image: Image): boolean {
  const { data, channels } = image;
  const pixels = data.length / channels;
  let white = 0;
  let other = 0;
  for (let i = 0; i < data.length; i += channels) {
    const value = data[i]!;
    for (let c = 1; c < Math.min(3, channels); c++) if (data[i + c] !== value) return false;
    if (value > 245) white++;
    else if (value > 10) other++;
  }
  return white > 0 && other <= 0.01 * pixels && white < 0.4 * pixels;
}

function extremes(data: AnyImage["data"]): { low: number; high: number; finite: boolean } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const isBytes = !(data instanceof Float32Array);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) return { low, high, finite: false };
    if (value < low) low = value;
    if (value > high) high = value;
    // Bytes can't lie farther out, so that most maps are looked through in a few rows.
    if (isBytes && low === 0 && high === 255) break;
  }
  return { low, high, finite: true };
}

/** Whether more than half of the pixels are bright; a map of lines is known to be dark after little more than half. */
function isMostlyBright({ data, channels }: AnyImage, unit: number): boolean {
  const half = data.length / channels / 2;
  const block = 4096 * channels;
  let bright = 0;
  let dark = 0;
  for (let start = 0; start < data.length && bright <= half && dark < half; start += block) {
    const end = Math.min(start + block, data.length);
    const count = countAbove(data, 0.5 * unit, start, end, channels);
    bright += count;
    dark += (end - start) / channels - count;
  }
  return bright > half;
}

function countAbove(
  data: AnyImage["data"],
  limit: number,
  start: number,
  end: number,
  channels: number,
): number {
  if (data instanceof Uint8Array && limit === 127.5 && channels === 1) return countHigh(data, start, end);
  let count = 0;
  for (let i = start; i < end; i += channels) count += data[i]! > limit ? 1 : 0;
  return count;
}

/** How many bytes have their top bit set; four at a time, as lines of a folder's maps are counted for each picture. */
function countHigh(data: Uint8Array, start: number, end: number): number {
  const lead = Math.min(-(data.byteOffset + start) & 3, end - start);
  const length = (end - start - lead) >> 2;
  const words = length > 0 ? new Int32Array(data.buffer, data.byteOffset + start + lead, length) : [];
  let count = 0;
  for (let first = 0; first < length; first += 255) {
    const last = Math.min(first + 255, length);
    // Four counts of eight bits: of 255 words at most.
    let counts = 0;
    for (let w = first; w < last; w++) counts += (words[w]! >>> 7) & 0x01010101;
    count += (counts & 255) + ((counts >>> 8) & 255) + ((counts >>> 16) & 255) + (counts >>> 24);
  }
  for (let i = start; i < start + lead; i++) count += data[i]! >>> 7;
  for (let i = start + lead + length * 4; i < end; i++) count += data[i]! >>> 7;
  return count;
}

/** An edge filter turns each line of one pixel into two, with one dark pixel between them. */
function isDoubled({ data, width, height, channels }: AnyImage, unit: number): boolean {
  const isSet = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && data[(y * width + x) * channels]! > 0.5 * unit;
  let edges = 0;
  let paired = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!isSet(x, y)) continue;
      edges++;
      const across = (dx: number, dy: number) => !isSet(x + dx, y + dy) && isSet(x + 2 * dx, y + 2 * dy);
      if (across(1, 0) || across(-1, 0) || across(0, 1) || across(0, -1)) paired++;
    }
  return edges > 0 && paired > 0.6 * edges;
}
