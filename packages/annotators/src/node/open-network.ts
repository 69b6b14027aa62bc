import { statSync } from "node:fs";
import { ControlNetError, type NetworkLook, type NetworkSource, unknownName } from "@controlnet-js/core";
import type { PublishedNetworks } from "@controlnet-js/preprocessors";
import { openDepthModel } from "./open-depth-model.js";
import { openMoveNet } from "./open-movenet.js";
import { openHed, openLineart, openMlsd, openOpenPose } from "./open-networks.js";
import { openSegmentationModel } from "./open-segmentation-model.js";

type Paths = Readonly<Record<string, string>>;

/** How the networks that conditions name are opened. */
const openers: {
  [K in keyof PublishedNetworks]: (
    paths: Paths,
    look: NetworkLook,
  ) => PublishedNetworks[K] | Promise<PublishedNetworks[K]>;
} = {
  hed: ({ edges }, look) => openHed(edges!, look),
  mlsd: ({ lines }, look) => openMlsd(lines!, look),
  lineart: ({ lines }, look) => openLineart(lines!, look),
  pose({ body, hand }, look) {
    if (!isGraphModel(body!)) return openOpenPose({ body: body!, ...(hand !== undefined && { hand }) }, look);
    refuseResolution("MoveNet", look);
    return openMoveNet(body!);
  },
  depth({ model }, look) {
    refuseResolution("a depth model", look);
    return openDepthModel(model!);
  },
  segmentation({ model }, look) {
    refuseResolution("a segmentation model", look);
    return openSegmentationModel(model!);
  },
};

/**
 * Opens the network that a condition declares: `condition.withNetwork(await openNetwork(condition.network, paths))`. Published
 * networks run on the engine that is selected when they are called.
 * @param paths a file or folder for each of `source.parts`, the first one at least
 * @param look the size at which it sees pictures
 * @returns the network; one that was opened from published files has `dispose`
 * @throws ControlNetError `missing` without the main part, for a part that there isn't and for a network that is unknown here;
 * `config` for a resolution where the network has its own; as what opens it
 */
export async function openNetwork<N>(
  source: NetworkSource<N>,
  paths: Paths,
  look: NetworkLook = {},
): Promise<N & { dispose?(): void }> {
  const parts = Object.keys(source.parts);
  const unknown = Object.keys(paths).find((part) => !parts.includes(part));
  if (unknown !== undefined) throw missing("part", unknown, parts);
  if (paths[parts[0]!] === undefined)
    throw new ControlNetError(
      "missing",
      `openNetwork: expected a path for "${parts[0]}", ${source.parts[parts[0]!]}`,
    );
  const { open } = source;
  if (typeof open === "function") return (await open(paths, look)) as N & { dispose?(): void };
  if (!Object.hasOwn(openers, open)) throw missing("network", open, Object.keys(openers));
  // What a source is typed as is what its name opens: `PublishedNetworks` says so.
  return (await openers[open as keyof PublishedNetworks](paths, look)) as N & { dispose?(): void };
}

function missing(what: string, name: string, known: readonly string[]): ControlNetError {
  return new ControlNetError("missing", `openNetwork: unknown ${what} ${unknownName(name, known)}`);
}

/** Whether a path is a model of TensorFlow.js, its description or its folder, and not a file of weights. */
const isGraphModel = (path: string): boolean =>
  path.endsWith(".json") || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);

function refuseResolution(network: string, { resolution }: NetworkLook): void {
  if (resolution !== undefined)
    throw new ControlNetError(
      "config",
      `${network} has a resolution of its own: leave out resolution, which is ${resolution}`,
      { option: "resolution" },
    );
}
