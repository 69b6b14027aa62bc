import type * as z from "zod";
import { type ConditionNetwork, lacksNetwork, withDefaults } from "./condition-network.js";
import { ControlNetError } from "./errors.js";
import { parseOptions } from "./options.js";

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
export interface ConditionSpec<S extends z.ZodObject, N = never> {
  /** Unique, kebab-case: `"canny"`. */
  name: string;
  /** One sentence for help texts and pages. Default `""`: the name says it. */
  description?: string;
  /** Channels of the map; the hint encoder's input channels. */
  channels: number;
  /** Smallest and largest value that a map in [0, 1] units may hold. Default `[0, 1]`. */
  range?: readonly [low: number, high: number];
  /** Whether drawn things are bright on dark, or the map has no such sense. Default `"none"`. */
  polarity?: "white-on-black" | "none";
  /** Whether the channels are colours, so that red and blue can be swapped by mistake. Default `"none"`. */
  channelOrder?: "rgb" | "none";
  /** How a map is resized: `"area"` for pictures, `"nearest"` where values are labels or 1 px lines. Default `"area"`. */
  resize?: "area" | "nearest" | "bilinear";
  /** Whether a map without anything drawn is a mistake in a training set. Default false. */
  blankIsError?: boolean;
  /**
   * How a painted picture's map is compared with the one that was given, to measure whether it was obeyed: by name, or by a
   * function of one's own, whose figure is `adherence`, higher being better. Default `"none"`.
   */
  compare?: ComparisonName | MapComparison | ((found: Image, wanted: Image) => number);
  /** What it means that a map shows nothing, in warnings: `"nobody was found"`. */
  blankMeans?: string;
  /** Whether red and blue of a map seem to be swapped; asked of maps of three channels where `channelOrder` is `"rgb"`. */
  looksSwapped?(map: Image): boolean;
  /** Whether `prepare` gets a picture file with transparent parts as RGBA rather than laid over white. Default false. */
  alpha?: boolean;
  /** The options of `prepare`, with defaults and bounds. */
  options: S;
  /** The network that finds what the map shows: which files it is opened from, and by what. */
  network?: ConditionNetwork<N, z.output<S>>;
  /**
   * The map of an RGB image, same width and height, `channels` bytes a pixel; with what was found, where there is more.
   * @param network the condition's network; without one, this is called with options under which none is needed
   */
  prepare(image: Image, options: z.output<S>, network: N): Image | Detection | Promise<Image | Detection>;
}

/** A condition as made by {@link defineCondition}, with all defaults. */
export interface Condition<S extends z.ZodObject = z.ZodObject, N = unknown>
  extends Required<Omit<ConditionSpec<S, N>, "network" | "prepare" | "blankMeans" | "looksSwapped">>,
    Pick<ConditionSpec<S, N>, "network" | "prepare" | "blankMeans" | "looksSwapped"> {
  /** The map of an image; options are checked and completed with their defaults. */
  detect(image: Image, options?: z.input<S>): Promise<Image>;
  /** {@link Condition.detect} with what was found: lines or people as data, found in the same pass. */
  examine(image: Image, options?: z.input<S>): Promise<Required<Detection>>;
  /** Whether it finds its maps in pictures as it stands; not where it needs a network that it wasn't given. */
  canDetect(options?: z.input<S>): boolean;
  /**
   * The condition with its network, which the caller still owns.
   * @throws ControlNetError `config` where it takes none
   */
  withNetwork(network: N): Condition<S>;
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
export function defineCondition<S extends z.ZodObject, N = never>(
  spec: ConditionSpec<S, N>,
): Condition<S, N> {
  const { name, network, ...rest } = spec;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new ControlNetError("config", `defineCondition: expected a kebab-case name, got "${name}"`);
  if (!Number.isInteger(spec.channels) || spec.channels < 1)
    throw new ControlNetError(
      "config",
      `defineCondition: "${name}" needs channels >= 1, got ${spec.channels}`,
    );
  const networkOptions = withDefaults(`condition "${name}"`, spec.options, network?.defaults ?? {});
  const complete = (options: z.input<S> | undefined) =>
    parseOptions(`condition "${name}"`, spec.options, options ?? {});
  const isLacking = (options: z.output<S>): boolean =>
    network !== undefined && (network.needed?.(options) ?? true);
  const examine = async (image: Image, options?: z.input<S>): Promise<Required<Detection>> => {
    const completed = complete(options);
    if (network && isLacking(completed)) throw lacksNetwork(name, network);
    const prepared: unknown = await spec.prepare(image, completed, undefined as N);
    const {
      map,
      findings = {},
      warnings = [],
    } = (isObject(prepared) && "map" in prepared ? prepared : { map: prepared }) as Detection;
    assertMapOf(spec, image, map);
    return { map, findings, warnings };
  };
  return {
    description: "",
    range: [0, 1],
    polarity: "none",
    channelOrder: "none",
    resize: "area",
    blankIsError: false,
    compare: "none",
    alpha: false,
    ...spec,
    examine,
    detect: async (image, options) => (await examine(image, options)).map,
    canDetect: (options) => !isLacking(complete(options)),
    withNetwork(given) {
      if (network === undefined)
        throw new ControlNetError("config", `condition "${name}" takes no network, or has got one before`);
      const prepare = (image: Image, options: z.output<S>) => spec.prepare(image, options, given);
      return defineCondition<S>({ ...rest, name, options: networkOptions, prepare });
    },
    metadata: (options) => ({
      condition: name,
      channels: spec.channels,
      range: spec.range ?? [0, 1],
      options: complete(options) as Record<string, unknown>,
    }),
  };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** What a user's own `prepare` returned may be anything; floats would become black or broken pictures. */
function assertMapOf(
  { name, channels }: { name: string; channels: number },
  image: Image,
  map: unknown,
): void {
  const where = `condition "${name}"`;
  const data = isObject(map) && "data" in map ? map.data : undefined;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    const got = isObject(data) ? data.constructor.name : String(data);
    throw new ControlNetError(
      "shape",
      `${where}: expected prepare to return a map { data, width, height, channels } of bytes from 0 to 255, ` +
        `or { map, findings }; its data is ${got}`,
    );
  }
  const { width, height, channels: found } = map as Image;
  if (width !== image.width || height !== image.height || found !== channels)
    throw new ControlNetError(
      "shape",
      `${where}: expected a map of ${image.width}x${image.height}x${channels}, got ${width}x${height}x${found}`,
    );
  const needed = width * height * channels;
  if (data.length !== needed)
    throw new ControlNetError(
      "shape",
      `${where}: a map of ${width}x${height}x${channels} needs ${needed} bytes, got ${data.length}`,
    );
}
