import type { Dataset, Sample } from "@controlnet-js/data";

/** The first `count` samples of a dataset, or all where it has no more. */
export const loadSamples = (dataset: Dataset, count: number = dataset.size): Promise<Sample[]> =>
  Promise.all(Array.from({ length: Math.min(count, dataset.size) }, (_, i) => dataset.load(i)));
