import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where downloaded and built files are kept: `CONTROLNET_CACHE`, or `~/.cache/controlnet-js`. */
export function cacheFolder(): string {
  return (
    process.env.CONTROLNET_CACHE ||
    join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "controlnet-js")
  );
}

/** The engine's own part of the cache. */
export const engineCacheFolder = (): string => join(cacheFolder(), "tensorflow");

/** The root of this package, which holds the addon's sources. */
export const packageFolder = (): string => fileURLToPath(new URL("..", import.meta.url));
