import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Condition, ControlNetError } from "@controlnet-js/core";
import {
  type ConditionModule,
  openImageFolder,
  openJsonLines,
  type Resolution,
  type Sample,
} from "@controlnet-js/data";
import { loadSamples } from "./load-samples.js";

/** Where a dataset of the user's own lies, and in which form. */
export type DataForm =
  | { kind: "image-folder"; dir: string }
  | { kind: "json-lines"; dir: string; file: string };

/** The list of a dataset in fill50k's form. */
const LIST = "prompt.json";

/**
 * Tells the form of `--data`: a list of lines, a folder with `prompt.json`, or a folder of pictures.
 * @throws ControlNetError `missing` where there is nothing
 */
export async function dataForm(path: string): Promise<DataForm> {
  const entry = await stat(path).catch((cause: Error) => {
    throw new ControlNetError(
      "missing",
      `controlnet evaluate: --data: can't read ${path}: ${cause.message}`,
      {
        cause,
      },
    );
  });
  if (!entry.isDirectory()) return { kind: "json-lines", dir: dirname(path), file: basename(path) };
  const hasList = await stat(join(path, LIST)).then(
    () => true,
    () => false,
  );
  return hasList ? { kind: "json-lines", dir: path, file: LIST } : { kind: "image-folder", dir: path };
}

/** What is wanted of a dataset. */
interface WantedSamples {
  source: Condition | ConditionModule;
  conditionOptions: Record<string, unknown>;
  resolution: Resolution;
  count: number;
}

/**
 * Loads the first samples of the user's own data; maps are read where there are some, else made by the condition.
 * @throws ControlNetError as the datasets of `@controlnet-js/data`
 */
export async function loadOwnSamples(
  form: DataForm,
  { source, conditionOptions, resolution, count }: WantedSamples,
): Promise<Sample[]> {
  const shared = {
    condition: source,
    conditionOptions,
    size: resolution,
    allowEmptyCaptions: true,
    workers: 0,
  };
  const dataset =
    form.kind === "json-lines"
      ? await openJsonLines(form.dir, { ...shared, file: form.file })
      : await openImageFolder(form.dir, shared);
  try {
    return await loadSamples(dataset, count);
  } finally {
    await dataset.close();
  }
}
