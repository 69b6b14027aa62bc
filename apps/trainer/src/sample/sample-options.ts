import { readSampler } from "@controlnet-js/models/node";
import {
  type ControlSettings,
  controlSettings,
  type RunSettings,
  runSettings,
} from "@controlnet-js/pipeline";
import { readSchedulerConfig, type SchedulerConfig } from "@controlnet-js/samplers";
import { weightsFolder } from "@controlnet-js/tinyworld/node";
import { readModelYaml } from "../models/read-model-yaml.js";
import { type MapMade, mapMaker } from "./control-map.js";
import { initialImage } from "./initial-image.js";
import type { SampleControl, SampleOptions } from "./picture-options.js";
import { controlMask } from "./read-mask.js";
import type { ControlArgument, SampleParameters } from "./sample-parameters.js";

/**
 * What `samplePictures` is asked for by the parameters of the command line.
 * @param made told of the map of the control at this place, where it is made of a picture
 * @throws ControlNetError `io`, `format`, `config` for the files that are read at once: sampler and model yaml
 */
export function sampleOptions(
  parameters: SampleParameters,
  made: (place: number) => MapMade,
): SampleOptions & { sampler: string | SchedulerConfig } {
  const { model, config, controls, samplerOptions, tiles, width, height } = parameters;
  return {
    ...defined(parameters, asTheyAre),
    model: model === "tinyworld" ? weightsFolder() : model,
    modelName: model,
    sampler: samplerOf(parameters),
    image: initialImage(parameters),
    controls: controls.map((control, place) => controlOf(control, parameters, made(place))),
    // As in diffusers, guidance below 1 is none.
    guidance: Math.max(1, parameters.guidance),
    ...(config !== undefined && { config: readModelYaml(config) }),
    ...(Object.keys(samplerOptions).length > 0 && { samplerOptions }),
    ...(tiles !== false && { tiles: tiles === true ? {} : { tileSize: tiles } }),
    ...(width !== undefined && height !== undefined && { size: { width, height } }),
  };
}

/** The parameters that `samplePictures` takes under the same name. */
const asTheyAre = [
  ...(Object.keys(runSettings.shape) as (keyof RunSettings)[]),
  "prompt",
  "negative",
  "promptEmbeds",
  "latents",
  "batch",
  "first",
  "tokenizer",
] as const satisfies readonly (keyof SampleParameters & keyof SampleOptions)[];

const samplerOf = ({ sampler }: SampleParameters): string | SchedulerConfig =>
  typeof sampler === "string" ? readSampler(sampler) : readSchedulerConfig(sampler);

const controlOf = (control: ControlArgument, parameters: SampleParameters, made: MapMade): SampleControl => ({
  ...defined(control, Object.keys(controlSettings.shape) as (keyof ControlSettings)[]),
  net: control.path,
  map: mapMaker(control, parameters, made),
  ...(control.mask !== undefined && { mask: controlMask(control.mask) }),
});

/** The named entries that are there. */
function defined<T extends object, K extends keyof T>(
  from: T,
  keys: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as {
    [P in K]?: Exclude<T[P], undefined>;
  };
}
