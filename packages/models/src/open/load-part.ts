import { type FoundPart, type LoadOptions, loadTree, type TensorSource } from "@controlnet-js/checkpoints";
import { type ControlNet, type ControlNetConfig, loadControlNet } from "@controlnet-js/controlnet";
import type { UNetKeys } from "@controlnet-js/unet";
import type { OpenModel } from "./open-model.js";
import { ignoredKeys, keysOf, type PartModel, partRows } from "./part-model.js";

/** Loads a part's weights as tensors. The caller disposes them. */
export const loadPart = <P>(opened: OpenModel, found: FoundPart, model: PartModel): P =>
  loadTree<P>(onlyOf(opened, found), partRows(model, keysOf(opened, found)), optionsOf(opened, found));

/** As {@link loadPart}, for a ControlNet. */
export const loadControlNetPart = (
  opened: OpenModel,
  found: FoundPart,
  config: ControlNetConfig,
): ControlNet =>
  loadControlNet(onlyOf(opened, found), config, keysOf(opened, found) as UNetKeys, optionsOf(opened, found));

const optionsOf = ({ path }: OpenModel, { part, prefix }: FoundPart): LoadOptions => ({
  prefix,
  ignore: ignoredKeys[part],
  where: `${part} in ${path}`,
});

/** A model without prefix shares its file with others that have one; their names are none of its own. */
function onlyOf({ source, identity }: OpenModel, { prefix }: FoundPart): TensorSource {
  const nested = identity.parts
    .map((part) => part.prefix)
    .filter((p) => p !== prefix && p.startsWith(prefix));
  if (nested.length === 0) return source;
  return {
    ...source,
    names: () => source.names().filter((name) => !nested.some((inner) => name.startsWith(inner))),
  };
}
