import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import type { Autoencoder } from "@controlnet-js/autoencoder";
import { ControlNetError } from "@controlnet-js/core";
import type { Dataset } from "@controlnet-js/data";
import type { TextEncoder, Tokenizer } from "@controlnet-js/text-encoder";
import { type HalfStore, openHalfStore } from "./half-store.js";
import { autoencoderKey, createLatentCache, type LatentCache, latentBytes } from "./latent-cache.js";
import type { ProcessGroup } from "./process-group.js";
import { createTextCache, type TextCache, textEncoderKey } from "./text-cache.js";

/** The part of the memory that is free at a run's start which its caches may take together. */
const share = 0.25;

/** Node 20 has no `process.availableMemory` before 20.13; it knows of cgroup limits of either version. */
const memoryLeft = (): number => Math.min(process.availableMemory?.() ?? freemem(), freemem());

/**
 * Bytes that the caches of a run may take in this process: a quarter of the memory that is free, within the
 * container's limit, divided by the run's processes.
 * @param processes how many processes of the run share the machine. Default 1
 */
export const cacheMemory = (processes = 1): number => Math.floor((memoryLeft() * share) / processes);

/** Where latents and text embeddings are kept, so that each picture and prompt is encoded once. */
export interface CacheOptions {
  /** Memory for them in each process, in units of 1e9 bytes. Default: a quarter of what is free. */
  cacheGigabytes?: number | undefined;
  /** A folder that keeps them for later runs and other processes, in half precision. Default: none. */
  cacheFolder?: string | undefined;
  /** Processes that train together share the free memory. */
  group?: ProcessGroup | undefined;
}

/** The models whose outputs are kept. */
interface Encoders {
  autoencoder: Autoencoder;
  text?: TextEncoder & { tokenizer: Tokenizer };
}

/** A run's caches. `dispose` ends them; the models are the caller's. */
export interface Caches {
  latents: LatentCache;
  texts: TextCache;
  dispose(): void;
}

/**
 * Opens the caches of a run: with a text encoder for both pictures and prompts, which then get a quarter of the memory. In a
 * cache folder each model has a folder of its own, told apart by its weights.
 * @param tell gets a sentence on how many of the pictures fit, and on a folder that takes no more
 * @throws ControlNetError `io` where the folder can't be made
 */
export async function openCaches(
  models: Required<Encoders>,
  data: Pick<Dataset, "size" | "resolution">,
  options: CacheOptions,
  tell?: (message: string) => void,
): Promise<Caches>;
export async function openCaches(
  models: Encoders,
  data: Pick<Dataset, "size" | "resolution">,
  options: CacheOptions,
  tell?: (message: string) => void,
): Promise<Omit<Caches, "texts">>;
export async function openCaches(
  { autoencoder, text }: Encoders,
  data: Pick<Dataset, "size" | "resolution">,
  { cacheGigabytes, cacheFolder, group }: CacheOptions,
  tell: (message: string) => void = () => {},
): Promise<Partial<Caches>> {
  const all = cacheGigabytes === undefined ? cacheMemory(group?.size) : cacheGigabytes * 1e9;
  const limit = text ? 0.75 * all : all;
  if (!group || group.rank === 0)
    tell(`Latent cache: ${describe(limit, autoencoder, data)} (cacheGigabytes)`);
  if (cacheFolder !== undefined) tell(`Cache folder: ${cacheFolder} (cacheFolder)`);
  const store = async (name: string, key: () => string): Promise<HalfStore | undefined> => {
    if (cacheFolder === undefined) return undefined;
    try {
      return await openHalfStore(join(cacheFolder, `${name}-${key().slice(0, 16)}`), tell);
    } catch (cause) {
      throw new ControlNetError("io", `cacheFolder: ${(cause as Error).message}`, { cause });
    }
  };
  const kept = await store("latents", () => autoencoderKey(autoencoder));
  const latents = createLatentCache(autoencoder, limit, kept);
  if (!text) return { latents, dispose: () => latents.dispose() };
  const embedded = await store("texts", () => textEncoderKey(text));
  const texts = createTextCache(text, text.tokenizer, all - limit, embedded);
  return {
    latents,
    texts,
    dispose() {
      latents.dispose();
      texts.dispose();
    },
  };
}

/** How much there is for latents, and for how many pictures that is enough, where their size is known. */
function describe(
  limit: number,
  { config }: Autoencoder,
  { size, resolution }: Pick<Dataset, "size" | "resolution">,
): string {
  const memory = `up to ${(limit / 1e9).toFixed(1)} of ${(totalmem() / 1e9).toFixed(1)} GB of memory`;
  if (!resolution) return memory;
  const held = Math.min(size, Math.floor(limit / latentBytes(config, resolution.width, resolution.height)));
  return `${memory}, ${held} of ${size} pictures${held < size ? "; others are encoded each time" : ""}`;
}
