import type { AutoencoderConfig } from "@controlnet-js/autoencoder";
import { cacheMemory, latentBytes, type ProcessGroup } from "@controlnet-js/training";
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
      `Latent cache: up to ${(latents / 1e9).toFixed(1)} GB in memory, ${held} of ${pictures.count} pictures` +
        `${held < pictures.count ? "; others are encoded each time" : ""} (training.cacheGigabytes)`,
    );
  return { latents, texts: all - latents };
}
