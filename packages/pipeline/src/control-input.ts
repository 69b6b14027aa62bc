import { type ControlNet, orientHint } from "@controlnet-js/controlnet";
import { ControlNetError, unknownName } from "@controlnet-js/core";
import { latentFactor, type Pipeline } from "@controlnet-js/models";
import { avgPool, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import type { AppliedControl } from "./applied.js";
import { assertControlFits } from "./control-fit.js";
import { assertWindow } from "./control-window.js";
import { linkLevels, linkScales } from "./link-scales.js";
import { isBlank, type Pictures, pictureTensor } from "./picture.js";
import { type ControlSettings, controlSettings, settled } from "./run-settings.js";

/** A ControlNet in a run, with its map; {@link controlSettings} tells what each plain setting does, its bounds and default. */
export interface ControlInput extends Omit<ControlSettings, "strength"> {
  net: ControlNet;
  /** The control map, of the picture's size, in [0, 1]; one for all samples or one for each. */
  map: Pictures;
  /** Shown in the report and in errors. Default: its place, `"control 1"`. */
  name?: string;
  /** A factor for all links, or one for each model call. Default 1. */
  strength?: number | ((call: { call: number; calls: number; timestep: number }) => number);
  /** Where it works: of the picture's size, one channel, 1 inside. */
  mask?: Pictures;
}

/** A control input made ready for a run. */
export interface PreparedControl {
  input: ControlInput;
  map: Tensor4D;
  masks: Tensor4D[] | undefined;
  /** The factor of each link at strength 1. */
  base: number[];
  levels: number[];
  start: number;
  end: number;
  both: boolean;
  applied: AppliedControl;
}

/** What a control takes besides its plain settings. */
const inputs: Record<Exclude<keyof ControlInput, keyof ControlSettings>, true> = {
  net: true,
  map: true,
  name: true,
  mask: true,
};
const known = [...Object.keys(inputs), ...Object.keys(controlSettings.shape)];

/**
 * Checks a control input and brings its map and mask into tensors, which the caller disposes.
 * @throws ControlNetError `config`, `shape` or `range`, naming the control and the way out
 */
export function prepareControl(
  pipeline: Pipeline,
  input: ControlInput,
  place: number,
  size: { batch: number; height: number; width: number },
  warnings: string[],
): PreparedControl {
  const name = nameOf(input, place);
  const where = `textToImage: ${name}`;
  assertControlFits(pipeline, input.net, { control: where });
  const { weighting = "even", links = "all", start = 0, end = 1 } = input;
  assertWindow(where, start, end);
  const usual = weighting === "even" && !input.net.config.globalPooling ? "both" : "conditional";
  const both = (input.half ?? usual) === "both";
  const factor = latentFactor(pipeline);
  const base = linkScales(pipeline.unet.config, {
    weighting,
    links,
    ...(input.layers && { layers: input.layers }),
    latentSize: [size.height / factor, size.width / factor],
  });
  const levels = linkLevels(input.net.config.unet);
  if (isBlank(input.map))
    warnings.push(`${name}: the map is blank, all of its values are the same: it tells the net nothing`);
  const channels = input.net.config.hintChannels;
  const map = tidy(() =>
    orientHint(input.net.config, pictureTensor(`${where}: map`, input.map, { ...size, channels })),
  );
  let masks: Tensor4D[] | undefined;
  try {
    if (input.mask)
      masks = maskLevels(where, input.mask, size, factor, input.net.config.unet.channels.length);
  } catch (error) {
    map.dispose();
    throw error;
  }
  const applied: AppliedControl = {
    name,
    weighting,
    half: both ? "both" : "conditional",
    masked: !!masks,
    calls: [],
  };
  return { input, map, masks, base, levels, start, end, both, applied };
}

/** A region mask at each halving of the latent, by the mean of its pixels. */
function maskLevels(
  where: string,
  mask: Pictures,
  size: { batch: number; height: number; width: number },
  factor: number,
  count: number,
): Tensor4D[] {
  return tidy(() => {
    const whole = pictureTensor(`${where}: mask`, mask, { ...size, channels: 1 });
    const levels = [avgPool(whole, factor, factor, "valid")];
    // An odd side is rounded up, as in the U-Net: "same" takes the mean of the pixels that there are.
    while (levels.length < count) levels.push(avgPool(levels.at(-1)!, 2, 2, "same"));
    return levels;
  });
}

const nameOf = (input: ControlInput, place: number): string => input.name ?? `control ${place + 1}`;

/**
 * Checks what a control is given as, which may come from plain JavaScript.
 * @throws ControlNetError `config`, naming the control and the way out
 */
export function checkControl(input: ControlInput, place: number): void {
  const where = `textToImage: ${nameOf(input, place)}`;
  for (const key of Object.keys(input))
    if (!known.includes(key)) {
      throw new ControlNetError("config", `${where}: unknown option ${unknownName(key, known)}`);
    }
  if (!input.net?.params || !input.net.config)
    throw new ControlNetError(
      "config",
      `${where}: expected net as an opened ControlNet { params, config }: controls: [{ net: await openControlNet(path), map }]`,
    );
  settled(where, controlSettings.omit({ strength: true }), input);
}
