import { freemem } from "node:os";

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
