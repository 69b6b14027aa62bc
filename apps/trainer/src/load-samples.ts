import type { Dataset, Sample } from "@controlnet-js/data";
import type { AnyImage } from "@controlnet-js/pipeline";
import { inpaintMap } from "@controlnet-js/preprocessors";

/** The first `count` samples of a dataset, or all where it has no more. */
export const loadSamples = (dataset: Dataset, count: number = dataset.size): Promise<Sample[]> =>
  Promise.all(Array.from({ length: Math.min(count, dataset.size) }, (_, i) => dataset.load(i)));

/** The map of a sample as a ControlNet takes it: of inpainting, -1 in the hole. */
export const mapOf = ({ map, hole }: Sample): AnyImage => (hole ? inpaintMap(map, hole) : map);
