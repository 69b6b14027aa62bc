import { existsSync } from "node:fs";
import type { NetworkLook } from "@controlnet-js/core";
import { fingerprint } from "../networks/fingerprint.js";
import type { NetworkRequest } from "../networks/network-weights.js";
import { isModulePath } from "./condition-name.js";

/** Which network made a map, and how it looked. */
export interface NetworkMark extends NetworkLook {
  /** The {@link fingerprint} of each part's files. */
  weights: Readonly<Record<string, string>>;
}

/** What tells maps from those of another network, or of another state of the user's own module. */
export interface MapMarks {
  /** The network as a map's file tells it from others. */
  network?: NetworkMark;
  /** The {@link fingerprint} of the user's own module: what it does may change under the same name. */
  module?: string;
}

/** The marks of a condition's maps. */
export async function marksOf(condition: string, network?: NetworkRequest): Promise<MapMarks> {
  return {
    ...(network && { network: await markOf(network) }),
    ...(isModulePath(condition) && (await moduleMark(condition))),
  };
}

async function markOf({ weights, look }: NetworkRequest): Promise<NetworkMark> {
  const parts = await Promise.all(
    Object.entries(weights).map(async ([part, path]) => [part, await fingerprint(path)] as const),
  );
  return { weights: Object.fromEntries(parts), ...look };
}

/** Nothing for a package, which has a version of its own to be told apart by. */
const moduleMark = async (path: string): Promise<Pick<MapMarks, "module">> =>
  existsSync(path) ? { module: await fingerprint(path) } : {};
