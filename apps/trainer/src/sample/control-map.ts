import { ControlNetError, type Image } from "@controlnet-js/core";
import type { MapMaker, MapRequest, PictureSize } from "@controlnet-js/pipeline/node";
import { builtInConditions, checkMap } from "@controlnet-js/preprocessors";
import sharp from "sharp";
import { openCondition } from "../open-condition.js";
import { readPicture } from "../read-picture.js";
import { fitMap, roundedDown } from "./fit-map.js";
import { mapOrigin, readMap } from "./read-map.js";
import type { ControlArgument } from "./sample-parameters.js";

/** Makes the map of a `--control`: read from its file, or made of its picture. */
export function mapMaker(argument: ControlArgument, all: readonly ControlArgument[]): MapMaker {
  const { path, map, image } = argument;
  if ((map === undefined) === (image === undefined))
    throw new ControlNetError(
      "config",
      `controlnet sample: --control ${path} needs one of --image PHOTO and --map MAP after it, got ${map === undefined ? "neither" : "both"}`,
    );
  return map === undefined
    ? async (request) => detected(argument, image!, request, await firstMapSize(all))
    : (request) => ready(argument, map, request);
}

/** The size of the first ready map, which decides where nothing else does, in whatever order maps and photos come. */
async function firstMapSize(controls: readonly ControlArgument[]): Promise<PictureSize | undefined> {
  const path = controls.find(({ map }) => map !== undefined)?.map;
  if (path === undefined) return undefined;
  const { width, height } = await sharp(path)
    .metadata()
    .catch((cause: Error) => {
      throw new ControlNetError("io", `can't read the map ${path}: ${cause.message}`, { cause });
    });
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
  { path, condition: named }: ControlArgument,
  image: string,
  { net, size, modelSize, multiple }: MapRequest,
  mapSize: PictureSize | undefined,
): Promise<Image> {
  const name = named ?? net.metadata.condition;
  if (typeof name !== "string")
    throw new ControlNetError(
      "config",
      `controlnet sample: ${path} does not say what it was trained on; name it with --condition, or give a ready --map`,
    );
  const { condition } = await openCondition(name);
  const asTrained = name === net.metadata.condition;
  const options = asTrained ? (net.metadata.options as Record<string, unknown> | undefined) : undefined;
  const target = size ?? (mapSize ? roundedDown(mapSize, multiple) : modelSize);
  return condition.detect(await readPicture(image, target), options ?? {});
}

const builtIn = (name: string | undefined) =>
  name !== undefined && Object.hasOwn(builtInConditions, name)
    ? builtInConditions[name as keyof typeof builtInConditions]
    : undefined;
