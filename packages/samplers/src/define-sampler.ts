import { ControlNetError, parseOptions } from "@controlnet-js/core";
import type * as z from "zod";
import type { DiffusersClass } from "./diffusers-class.js";
import type { Plan } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";

/** What a sampler is; its names, option checks, file forms and docs follow from it. */
export interface SamplerSpec<N extends string, S extends z.ZodObject> {
  /** Unique, kebab-case: `"euler-ancestral"`. */
  name: N;
  /** The algorithm and its source, in one line. */
  description: string;
  /** Other spellings in use, in lower case with `-` between words: `["euler-a"]`. */
  aliases?: readonly string[];
  /** The options beside `steps`, with defaults and bounds. */
  options: S;
  /** The diffusers scheduler that it is, with how its `scheduler_config.json` becomes options. */
  diffusers?: DiffusersClass;
  /** Lays the algorithm out. The plan's name is the sampler's unless it gives another. */
  plan(schedule: NoiseSchedule, options: z.output<S> & { steps: number }): Unnamed<Plan>;
}

type Unnamed<P> = Omit<P, "name"> & { readonly name?: string };

/** A sampler as made by {@link defineSampler}: a function that lays out a plan, and what it says of itself. */
export interface DefinedSampler<N extends string = string, S extends z.ZodObject = z.ZodObject>
  extends Readonly<Omit<SamplerSpec<N, S>, "plan" | "aliases">> {
  readonly aliases: readonly string[];
  /** @throws ControlNetError `config` for unknown or bad options, `range` for steps that the schedule does not have */
  (schedule: NoiseSchedule, options: z.input<S> & { steps: number }): Plan;
}

/** The options of a sampler, beside `steps`: `SamplerOptions<typeof ddim>`. */
export type SamplerOptions<D> = D extends DefinedSampler<string, infer S> ? z.input<S> : never;

/**
 * Defines a sampler, ours or your own. Options are checked and completed before `plan` sees them.
 * @throws ControlNetError `config` for a name that is not kebab-case
 */
export function defineSampler<const N extends string, S extends z.ZodObject>(
  spec: SamplerSpec<N, S>,
): DefinedSampler<N, S> {
  const { name, description, aliases = [], options: schema, diffusers, plan } = spec;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new ControlNetError("config", `defineSampler: expected a kebab-case name, got "${name}"`);
  const layOut = (schedule: NoiseSchedule, { steps, ...given }: z.input<S> & { steps: number }): Plan => {
    const options = parseOptions(`sampler "${name}"`, schema, given, "no option");
    return { name, ...plan(schedule, { ...options, steps }) };
  };
  // A function's own name can't be assigned, only defined.
  Object.defineProperty(layOut, "name", { value: name });
  return Object.assign(layOut, {
    description,
    aliases,
    options: schema,
    ...(diffusers && { diffusers }),
  }) as DefinedSampler<N, S>;
}

/**
 * The options among `given` that a schema knows, checked and completed: what a grid takes of its sampler's.
 * @throws ControlNetError `config`
 */
export const partOf = <S extends z.ZodObject>(where: string, schema: S, given: object): z.output<S> =>
  parseOptions(
    where,
    schema,
    Object.fromEntries(Object.entries(given).filter(([key]) => Object.hasOwn(schema.shape, key))),
  );
