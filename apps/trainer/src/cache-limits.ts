import { totalmem } from "node:os";
import { join } from "node:path";
import type { AutoencoderConfig } from "@controlnet-js/autoencoder";
import { ControlNetError } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/pipeline";
import {
  autoencoderKey,
  cacheMemory,
  type HalfStore,
  latentBytes,
  openHalfStore,
  type ProcessGroup,
  textEncoderKey,
} from "@controlnet-js/training";
import { print } from "./print.js";

/** Bytes that each cache of a run may take in this process. */
export interface CacheLimits {
  latents: number;
  texts: number;
}

/**
 * Shares out the memory for a run's caches and prints how many of its pictures' latents fit.
 * @param gigabytes `training.cacheGigabytes`; where undefined, what the free memory allows
 * @param texts whether texts are embedded beforehand, which then get a quarter
 */
export function cacheLimits(
  gigabytes: number | undefined,
  autoencoder: AutoencoderConfig,
  pictures: { count: number; width: number; height: number },
  { group, texts = false }: { group?: ProcessGroup | undefined; texts?: boolean } = {},
): CacheLimits {
  const all = gigabytes === undefined ? cacheMemory(group?.size) : gigabytes * 1e9;
  const latents = texts ? 0.75 * all : all;
  const each = latentBytes(autoencoder, pictures.width, pictures.height);
  const held = Math.min(pictures.count, Math.floor(latents / each));
  if (!group || group.rank === 0)
    print(
      `Latent cache: up to ${(latents / 1e9).toFixed(1)} of ${(totalmem() / 1e9).toFixed(1)} GB of memory, ${held} of ${pictures.count} pictures` +
        `${held < pictures.count ? "; others are encoded each time" : ""} (training.cacheGigabytes)`,
    );
  return { latents, texts: all - latents };
}

/** The caches of a run on a disk; none without `training.cacheFolder`. */
export interface CacheStores {
  latents?: HalfStore;
  texts?: HalfStore;
}

/**
 * Opens the cache folder of a run: one folder in it for each autoencoder and text encoder, told apart by their weights.
 * @throws ControlNetError `io` where it can't be made
 */
export async function cacheStores(
  folder: string | undefined,
  { autoencoder, text }: { autoencoder: Pipeline["autoencoder"]; text?: Pipeline["text"] },
): Promise<CacheStores> {
  if (folder === undefined) return {};
  const open = async (name: string, key: string): Promise<HalfStore> => {
    try {
      return await openHalfStore(join(folder, `${name}-${key.slice(0, 16)}`), print);
    } catch (cause) {
      throw new ControlNetError("io", `training.cacheFolder: ${(cause as Error).message}`, { cause });
    }
  };
  print(`Cache folder: ${folder} (training.cacheFolder)`);
  return {
    latents: await open("latents", autoencoderKey(autoencoder)),
    ...(text && { texts: await open("texts", textEncoderKey(text)) }),
  };
}
