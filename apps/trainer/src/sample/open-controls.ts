import { statSync } from "node:fs";
import { restoreFolder } from "@controlnet-js/checkpoints/node";
import { disposeTree } from "@controlnet-js/core";
import { latentFactor, type Pipeline } from "@controlnet-js/models";
import { baseWarning, type OpenedControlNet, openControlNet } from "@controlnet-js/models/node";
import {
  assertControlFits,
  type ControlInput,
  type ControlSettings,
  controlSettings,
  sizeOf,
} from "@controlnet-js/pipeline";
import { Tensor } from "@tensorflow/tfjs-core";
import type { PictureSize, SampleControl, SampleOptions } from "./picture-options.js";

/** A model or ControlNet with the name that errors and warnings give it. */
export interface Named<T> {
  value: T;
  name: string;
}

const isFolder = (path: string): boolean => {
  restoreFolder(path);
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
};

/** A folder has its own configs; the model yaml is for single files. */
export const yamlFor = (path: string, { config }: SampleOptions): { config?: unknown } =>
  config === undefined || isFolder(path) ? {} : { config };

/** Whether the model or one of the ControlNets is a single file. */
export const readsSingleFile = ({ model, controls = [] }: SampleOptions): boolean =>
  [model, ...controls.map(({ net }) => net)].some((from) => typeof from === "string" && !isFolder(from));

/**
 * Opens the ControlNets of a run, checks that each fits the model, and has their maps made, one after the other.
 * @param settled the picture's size, where it is known before the maps
 * @param disposals takes what frees all that is opened and made here
 */
export async function openControls(
  options: SampleOptions,
  model: Named<Pipeline>,
  settled: PictureSize | undefined,
  disposals: (() => void)[],
  warnings: string[],
): Promise<{ controls: ControlInput[]; size: PictureSize | undefined }> {
  const multiple = latentFactor(model.value);
  const side = model.value.unet.config.sampleSize * multiple;
  const controls: ControlInput[] = [];
  let size = settled;
  const warn = (message: string) => warnings.push(message);
  for (const [i, control] of (options.controls ?? []).entries()) {
    const net = await openNet(control, i, options, model, disposals);
    assertControlFits(model.value, net.value, { control: net.name, base: model.name });
    const named = typeof options.model === "string" || options.modelName !== undefined;
    const warning = baseWarning(model.value.unet, named ? model.name : undefined, net.value.metadata);
    if (warning) warnings.push(`${net.name}: ${warning}`);
    const map =
      typeof control.map === "function"
        ? await control.map({
            net: net.value,
            size,
            modelSize: { width: side, height: side },
            multiple,
            warn,
          })
        : control.map;
    if (typeof control.map === "function" && map instanceof Tensor) disposals.push(() => map.dispose());
    size ??= sizeOf(map);
    const mask = typeof control.mask === "function" ? await control.mask({ size, warn }) : control.mask;
    if (typeof control.mask === "function" && mask instanceof Tensor) disposals.push(() => mask.dispose());
    controls.push({ ...given(control), net: net.value, map, name: net.name, ...(mask && { mask }) });
  }
  return { controls, size };
}

/** What goes to the run as it is. */
const given = (control: SampleControl): ControlSettings =>
  Object.fromEntries(
    (Object.keys(controlSettings.shape) as (keyof ControlSettings)[])
      .filter((key) => control[key] !== undefined)
      .map((key) => [key, control[key]]),
  );

async function openNet(
  { net, name }: SampleControl,
  place: number,
  options: SampleOptions,
  model: Named<Pipeline>,
  disposals: (() => void)[],
): Promise<Named<OpenedControlNet>> {
  if (typeof net !== "string") return { value: net, name: name ?? `control ${place + 1}` };
  const opened = await openControlNet(net, {
    ...yamlFor(net, options),
    base: model.value.unet,
    ...(options.log && { log: options.log }),
  });
  disposals.push(() => disposeTree(opened));
  return { value: opened, name: name ?? net };
}
