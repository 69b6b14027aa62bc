import { type KeyRow, loadTree, type TensorSource, tensorSource } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";
import { identifyNetwork, type NetworkName, networkTitles } from "./known-networks.js";

/** How the weights of one network are read. */
export interface NetworkWeights {
  name: NetworkName;
  rows: readonly KeyRow[];
  /** The key of the table that a name in the file stands for; `module.` of a wrapped model is taken off before. */
  rename?: (name: string) => string;
  /** Keys that may be there unused. */
  ignore?: readonly RegExp[];
}

/**
 * Loads a network's parameters, float32. The caller disposes them.
 * @param where named in errors, e.g. the file
 * @throws ControlNetError `unsupported` where the file holds another network, named as what it is; as `loadTree` for a
 * file that is damaged or incomplete
 */
export function loadNetwork<P>(source: TensorSource, weights: NetworkWeights, where: string): P {
  const { name, rows, rename = (key: string) => key, ignore = [] } = weights;
  const found = identifyNetwork(source);
  if (found.name !== name)
    throw new ControlNetError(
      "unsupported",
      `${where}: expected the weights of ${networkTitles[name]}, found ${found.title}`,
    );
  const renamed = tensorSource(
    source.names().map((key) => ({ ...source.get(key), name: rename(key.replace(/^module\./, "")) })),
    source.metadata,
    where,
  );
  return loadTree<P>(renamed, rows, { where, ignore });
}
