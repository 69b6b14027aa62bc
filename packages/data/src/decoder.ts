import { availableParallelism } from "node:os";
import { ControlNetError } from "@controlnet-js/core";
import { type DecodedSample, type DecodeTask, decodeSample, type MapSource } from "./decode-sample.js";
import { WorkerPool } from "./worker-pool.js";

/** How a dataset decodes its files. */
export interface DecodeOptions {
  /** Decoding processes; 0 decodes in this process. Default: one less than the cores, 1 to 8. */
  workers?: number;
  /** How long one sample may take in a worker, in milliseconds. Default 60 000. */
  timeoutMs?: number;
  /** Images of more pixels than this are refused before they are decoded. Default 100 million. */
  maxPixels?: number;
  /** Whether symbolic links may lead outside the dataset's folder. Default false. */
  followLinks?: boolean;
  /** Told when a worker died and was replaced. Default: a process warning. */
  onIncident?: (message: string) => void;
}

/** Decodes the samples of a dataset, in worker processes or in this one. */
export interface Decoder {
  /**
   * @param file absolute path of the picture
   * @throws SampleError naming the file; ControlNetError for a condition that cannot be loaded
   */
  decode(file: string, map: MapSource): Promise<DecodedSample>;
  /** Process ids of the running workers. */
  processIds(): number[];
  close(): Promise<void>;
}

/**
 * Makes the decoder of a dataset. Processes start with the first sample.
 * @throws ControlNetError `config`
 */
export function createDecoder(
  where: string,
  dataset: Pick<DecodeTask, "root" | "rules" | "resolution">,
  options: DecodeOptions,
): Decoder {
  const { followLinks = false, maxPixels = 100e6 } = options;
  const task = (file: string, map: MapSource): DecodeTask => ({
    ...dataset,
    followLinks,
    maxPixels,
    file,
    map,
  });
  const workers = options.workers ?? Math.min(8, Math.max(1, availableParallelism() - 1));
  const timeoutMs = options.timeoutMs ?? 60_000;
  if (!Number.isInteger(workers) || workers < 0)
    throw new ControlNetError("config", `${where}: expected workers to be an integer >= 0, got ${workers}`);
  if (!(timeoutMs >= 1))
    throw new ControlNetError("config", `${where}: expected timeoutMs >= 1, got ${timeoutMs}`);
  if (workers === 0)
    return {
      decode: (file, map) => decodeSample(task(file, map)),
      processIds: () => [],
      close: async () => undefined,
    };
  const onIncident = options.onIncident ?? ((message) => process.emitWarning(message, "ControlNetData"));
  const pool = new WorkerPool({ workers, timeoutMs, onIncident });
  return {
    decode: (file, map) => pool.run(task(file, map)),
    processIds: () => pool.processIds,
    close: () => pool.close(),
  };
}
