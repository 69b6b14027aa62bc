import type * as z from "zod";
import { ControlNetError, nearestName } from "./errors.js";

/** Pixels in rows, channels interleaved: `data[(y * width + x) * channels + c]`. Bytes are 0-255. */
export interface Image<D extends Uint8Array | Uint8ClampedArray | Float32Array = Uint8Array> {
  data: D;
  width: number;
  height: number;
  channels: number;
}

/** A map together with what it shows. */
export interface Detection {
  map: Image;
  /** What was found, as plain data that JSON can hold: `{ segments }`, `{ pose }`. */
  findings?: Readonly<Record<string, unknown>>;
  /** Sentences about what was left out or may be wrong. */
  warnings?: readonly string[];
}

/** How the maps of a condition are compared; `@controlnet-js/metrics` has the measure of each. */
export type ComparisonName = "edges" | "depth" | "normals" | "segmentation" | "pose" | "none";

/** A comparison of one's own. */
export interface MapComparison {
  /** The figures that it gives, and which way each is better: `{ colourError: "lower" }`. */
  figures: Readonly<Record<string, "higher" | "lower">>;
  /** The figures of a map found in a painted picture beside the map that was given; they are averaged over pictures. */
  compare(found: Image, wanted: Image): Record<string, number>;
}

/** What a control map is; everything about one kind of map follows from it. */
export interface ConditionSpec<S extends z.ZodObject> {
  /** Unique, kebab-case: `"canny"`. */
  name: string;
  /** One sentence for help texts and pages. */
  description: string;
  /** Channels of the map; the hint encoder's input channels. */
  channels: number;
  /** Smallest and largest value that a map in [0, 1] units may hold. */
  range: readonly [low: number, high: number];
  /** Whether drawn things are bright on dark, or the map has no such sense. */
  polarity: "white-on-black" | "none";
  channelOrder: "rgb" | "none";
  /** How a map is resized: `"area"` for pictures, `"nearest"` where values are labels or 1 px lines. */
  resize: "area" | "nearest" | "bilinear";
  /** Whether a map without anything drawn is a mistake in a training set. */
  blankIsError: boolean;
  /**
   * How a painted picture's map is compared with the one that was given, to measure whether it was obeyed: by name, or by a
   * function of one's own, whose figure is `adherence`, higher being better. Default `"none"`.
   */
  compare?: ComparisonName | MapComparison | ((found: Image, wanted: Image) => number);
  /** The options of `prepare`, with defaults and bounds. */
  options: S;
  /** The map of an RGB image, same width and height, `channels` bytes a pixel; with what was found, where there is more. */
  prepare(image: Image, options: z.output<S>): Image | Detection | Promise<Image | Detection>;
}

/** A condition as made by {@link defineCondition}. */
export interface Condition<S extends z.ZodObject = z.ZodObject> extends ConditionSpec<S> {
  /** The map of an image; options are checked and completed with their defaults. */
  detect(image: Image, options?: z.input<S>): Promise<Image>;
  /** {@link Condition.detect} with what was found: lines or people as data, found in the same pass. */
  examine(image: Image, options?: z.input<S>): Promise<Required<Detection>>;
  /** What a checkpoint stores to say which maps it was trained with. */
  metadata(options?: z.input<S>): {
    condition: string;
    channels: number;
    range: readonly [number, number];
    options: Record<string, unknown>;
  };
}

/**
 * Defines a condition type. The preprocessor, the data loader's checks, the hint encoder's input, the trainer's
 * flags and the checkpoint's metadata all follow from this one definition.
 * @throws ControlNetError `config` for a bad definition
 */
export function defineCondition<S extends z.ZodObject>(spec: ConditionSpec<S>): Condition<S> {
  if (!/^[a-z][a-z0-9-]*$/.test(spec.name))
    throw new ControlNetError("config", `defineCondition: expected a kebab-case name, got "${spec.name}"`);
  if (!Number.isInteger(spec.channels) || spec.channels < 1)
    throw new ControlNetError(
      "config",
      `defineCondition: "${spec.name}" needs channels >= 1, got ${spec.channels}`,
    );
  const complete = (options: z.input<S> | undefined) =>
    parseOptions(`condition "${spec.name}"`, spec.options, options ?? {});
  const examine = async (image: Image, options?: z.input<S>): Promise<Required<Detection>> => {
    const prepared: unknown = await spec.prepare(image, complete(options));
    const {
      map,
      findings = {},
      warnings = [],
    } = (isObject(prepared) && "map" in prepared ? prepared : { map: prepared }) as Detection;
    assertBytes(spec.name, map);
    if (map.width !== image.width || map.height !== image.height || map.channels !== spec.channels)
      throw new ControlNetError(
        "shape",
        `condition "${spec.name}": expected a map of ${image.width}x${image.height}x${spec.channels}, ` +
          `got ${map.width}x${map.height}x${map.channels}`,
      );
    const needed = map.width * map.height * map.channels;
    if (map.data.length !== needed)
      throw new ControlNetError(
        "shape",
        `condition "${spec.name}": a map of ${map.width}x${map.height}x${map.channels} needs ${needed} bytes, ` +
          `got ${map.data.length}`,
      );
    return { map, findings, warnings };
  };
  return {
    ...spec,
    examine,
    detect: async (image, options) => (await examine(image, options)).map,
    metadata: (options) => ({
      condition: spec.name,
      channels: spec.channels,
      range: spec.range,
      options: complete(options) as Record<string, unknown>,
    }),
  };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** What a user's own `prepare` returned may be anything; floats would become black or broken pictures. */
function assertBytes(name: string, map: unknown): void {
  const data = isObject(map) && "data" in map ? map.data : undefined;
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return;
  const got = isObject(data) ? data.constructor.name : String(data);
  throw new ControlNetError(
    "shape",
    `condition "${name}": expected prepare to return a map { data, width, height, channels } of bytes from 0 to 255, ` +
      `or { map, findings }; its data is ${got}`,
  );
}

/**
 * Reads options or a config by its zod schema. An unknown key is an error that names the nearest known one.
 * @param unknown what the error calls such a key
 * @throws ControlNetError `config`
 */
export function parseOptions<S extends z.ZodObject>(
  where: string,
  schema: S,
  given: unknown,
  unknown = "unknown key",
): z.output<S> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new ControlNetError(
      "config",
      `${where}: expected an object of options, got ${JSON.stringify(given)}`,
    );
  const known = Object.keys(schema.shape);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    throw new ControlNetError(
      "config",
      `${where}: ${unknown} "${key}"${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${known.join(", ")})`,
    );
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const value = valueAt(given, issue.path);
    return `${issue.path.join(".") || "value"}: ${expectation(issue)}, got ${shown(value)}${hint(issue, value)}`;
  });
  throw new ControlNetError("config", `${where}: ${issues.join("; ")}`);
}

/** What a value should have been; zod says of a choice of numbers only that it is invalid. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_union") {
    const choices = issue.errors.flatMap(([only]) => (only?.code === "invalid_value" ? only.values : []));
    if (choices.length === issue.errors.length && choices.length > 0)
      return `expected one of ${choices.map(shown).join(", ")}`;
  }
  return issue.message.replace(/^[A-Z]\w+ \w+: (expected .*?)(, received .*)?$/, "$1");
}

/** The nearest of a few words. */
function hint(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== "invalid_value" || typeof value !== "string") return "";
  const nearest = nearestName(value, issue.values.map(String));
  return nearest ? `; did you mean "${nearest}"?` : "";
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (isObject(inner) ? inner[key as keyof typeof inner] : undefined),
    value,
  );

const shown = (value: unknown): string =>
  (typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))).slice(0, 60);
