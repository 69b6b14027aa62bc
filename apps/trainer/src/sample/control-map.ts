import { ControlNetError, type Image } from "@controlnet-js/core";
import { builtInConditions, checkMap } from "@controlnet-js/preprocessors";
import { readImage, readImageSize } from "@controlnet-js/preprocessors/node";
import { namedByFile } from "../conditions/condition-name.js";
import type { Detector } from "../conditions/detector.js";
import { openTrained } from "../conditions/trained-condition.js";
import { assertDetects, weightsFlagOf } from "../networks/network-weights.js";
import { fitMap, roundedDown } from "./fit-map.js";
import { asksForInpainting, inpaintMapMaker } from "./inpaint-map.js";
import type { MapMaker, MapRequest, PictureSize } from "./picture-options.js";
import { mapOrigin, readMap } from "./read-map.js";
import type { ControlArgument, SampleParameters } from "./sample-parameters.js";

/** Told of a map that was made of a picture, and how. */
export type MapMade = (map: Image, detector: Detector) => void;

/** Makes the map of a `--control`: read from its file, or made of its picture. */
export function mapMaker(
  argument: ControlArgument,
  parameters: SampleParameters,
  made: MapMade = () => {},
): MapMaker {
  if (asksForInpainting(argument)) return inpaintMapMaker(argument, parameters);
  const { path, map, image } = argument;
  if ((map === undefined) === (image === undefined))
    throw new ControlNetError(
      "config",
      `controlnet sample: --control ${path} needs one of --image PHOTO and --map MAP after it, got ${map === undefined ? "neither" : "both"}`,
    );
  return map === undefined
    ? async (request) => detected(argument, image!, request, await firstMapSize(parameters.controls), made)
    : (request) => ready(argument, map, request);
}

/** The size of the first ready map, which decides where nothing else does, in whatever order maps and photos come. */
async function firstMapSize(controls: readonly ControlArgument[]): Promise<PictureSize | undefined> {
  const path = controls.find(({ map }) => map !== undefined)?.map;
  if (path === undefined) return undefined;
  const { width, height } = await readImageSize(path);
  const channels = mapOrigin(path)?.channels ?? 3;
  return { width, height: height / (channels % 3 === 0 ? channels / 3 : channels) };
}

async function ready(argument: ControlArgument, path: string, request: MapRequest): Promise<Image> {
  const { net, size, multiple, warn } = request;
  const origin = mapOrigin(path)?.condition;
  const trained = typeof net.metadata.condition === "string" ? net.metadata.condition : undefined;
  if (origin && trained && origin !== trained)
    warn(
      `${path}: a map of condition "${origin}"; the ControlNet ${argument.path} was trained on "${trained}"`,
    );
  const condition = builtIn(argument.condition ?? origin ?? trained);
  const map = await readMap(path, net.config.hintChannels);
  const target = size ?? roundedDown(map, multiple);
  const fits = map.width === target.width && map.height === target.height;
  if (!fits)
    warn(
      `${path}: resized from ${map.width}x${map.height} to ${target.width}x${target.height}, the picture's size`,
    );
  if (condition && condition.channels === map.channels)
    for (const { kind, message } of checkMap(condition, map))
      if (kind !== "blank") warn(`${path}: ${message}`);
  return fits ? map : fitMap(map, target, condition?.resize ?? "area");
}

async function detected(
  argument: ControlArgument,
  image: string,
  { net, size, modelSize, multiple }: MapRequest,
  mapSize: PictureSize | undefined,
  made: MapMade,
): Promise<Image> {
  const detector = await detectorOf(argument, net.metadata);
  const target = size ?? (mapSize ? roundedDown(mapSize, multiple) : modelSize);
  const map = await detector.condition.detect(await readImage(image, { cover: target }), detector.options);
  made(map, detector);
  return map;
}

/** The condition that makes the map, with the options that it was trained with and those given, and its network. */
async function detectorOf(
  { path, condition: named, option = [], weights = [] }: ControlArgument,
  metadata: MapRequest["net"]["metadata"],
): Promise<Detector> {
  const { condition: trained } = metadata;
  if (named === undefined && typeof trained !== "string")
    throw new ControlNetError(
      "config",
      `controlnet sample: ${path} does not say what it was trained on; name it with --condition, or give a ready --map`,
    );
  const name =
    named ??
    namedByFile(
      String(trained),
      `controlnet sample: the ControlNet ${path}`,
      "--condition FILE after it, or give a ready --map",
    );
  if (name === "inpaint")
    throw new ControlNetError(
      "config",
      `controlnet sample: ${path} was trained on inpaint: say --condition inpaint after it, which takes the --mask or a hole`,
    );
  const { condition, options } = await openTrained({ name, metadata, option, weights, command: "sample" });
  assertDetects(condition, options, weightsFlagOf("sample"));
  return { condition, options };
}

const builtIn = (name: string | undefined) =>
  name !== undefined && Object.hasOwn(builtInConditions, name)
    ? builtInConditions[name as keyof typeof builtInConditions]
    : undefined;
