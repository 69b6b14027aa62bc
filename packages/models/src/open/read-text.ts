import { readRegularFile } from "@controlnet-js/checkpoints/node";

/** Reads a text file of a model folder, or says which is lacking. */
export const readText = (path: string): string => readRegularFile(path).toString("utf8");
