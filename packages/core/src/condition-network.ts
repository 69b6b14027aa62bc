import type * as z from "zod";
import { ControlNetError } from "./errors.js";

/** The size at which a network sees pictures. */
export interface NetworkLook {
  /**
   * The short side in pixels, both sides being multiples of 64 (`detect_resolution` of controlnet_aux), or `"picture"` for
   * the picture's own size. What is found is brought back to that. A network with a size of its own refuses it.
   */
  resolution?: number | "picture";
  /** Pictures come at the size of their maps: where no `resolution` is given, the network sees them as they are. */
  sized?: true;
}

/** The files that a network is opened from, and what opens them. */
export interface NetworkSource<N> {
  /** What each file or folder is, the main one first, in words for helps and errors: `{ edges: "HED, ControlNetHED.pth" }`. */
  parts: Readonly<Record<string, string>>;
  /**
   * Opens the network from its files' paths, or the name of one that `openNetwork` of `@controlnet-js/annotators/node`
   * opens. Only the paths of the main part are sure to be there.
   */
  open: string | ((paths: Readonly<Record<string, string>>, look: NetworkLook) => N | Promise<N>);
}

/**
 * The network of a condition.
 * @typeParam N what `prepare` calls
 * @typeParam O the condition's options, complete
 */
export interface ConditionNetwork<N, O = Record<string, unknown>> extends NetworkSource<N> {
  /** Whether the condition can't do without it under these options; always where left out. */
  needed?(options: O): boolean;
  /** Options whose default is another one with the network. */
  defaults?: Partial<O>;
}

/**
 * The error of a condition that was asked to find something without its network.
 * @returns ControlNetError `missing`, which says what is needed and how to give it
 */
export function lacksNetwork(condition: string, { parts }: NetworkSource<unknown>): ControlNetError {
  return new ControlNetError(
    "missing",
    `condition "${condition}": finding it in a picture needs a network (${Object.values(parts).join("; ")}); ` +
      "give it one by withNetwork(network), or give a map that is already prepared",
  );
}

/**
 * A schema in which some options have other defaults.
 * @throws ControlNetError `config` for an option that is unknown or has none
 */
export function withDefaults<S extends z.ZodObject>(where: string, schema: S, defaults: object): S {
  const changed = Object.entries(defaults).map(([key, value]) => {
    const option = Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined;
    if (option === undefined || !("removeDefault" in option))
      throw new ControlNetError(
        "config",
        `${where}: network.defaults names "${key}", which is no option with a default (options: ${Object.keys(schema.shape).join(", ")})`,
      );
    const { description } = option as z.ZodDefault;
    const other = (option as z.ZodDefault).removeDefault() as unknown as z.ZodType;
    const result = other.default(value);
    return [key, description === undefined ? result : result.describe(description)] as const;
  });
  return schema.extend(Object.fromEntries(changed)) as unknown as S;
}
