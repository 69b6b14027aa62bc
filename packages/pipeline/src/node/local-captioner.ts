import { basename, dirname, resolve } from "node:path";
import { readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type Image } from "@controlnet-js/core";
import type { Captioner } from "../prompt-settings.js";

/** What is used of `@huggingface/transformers`. */
interface Transformers {
  env: { allowRemoteModels: boolean; localModelPath: string };
  RawImage: new (data: Uint8Array, width: number, height: number, channels: number) => unknown;
  pipeline(
    task: "image-to-text",
    model: string,
    options: { local_files_only: boolean },
  ): Promise<(image: unknown) => Promise<{ generated_text: string }[]>>;
}

/**
 * A captioner for the automatic prompt: a local image-to-text model, run by `@huggingface/transformers`, which has to be
 * installed beside this package. Nothing is downloaded.
 * @param folder the model's files as that package lays them out: `config.json`, `onnx/` ...
 * @throws ControlNetError `io` where the folder holds no model, `missing` where the package is not installed
 */
export async function localCaptioner(folder: string): Promise<Captioner> {
  readConfig(folder);
  const library = await importTransformers();
  const { env } = library;
  const before = { allowRemoteModels: env.allowRemoteModels, localModelPath: env.localModelPath };
  // It looks some files up on the net even when told to stay local, unless its settings forbid it.
  Object.assign(env, { allowRemoteModels: false, localModelPath: dirname(resolve(folder)) });
  try {
    const describe = await library.pipeline("image-to-text", basename(resolve(folder)), {
      local_files_only: true,
    });
    return async ({ data, width, height, channels }: Image) => {
      const [caption] = await describe(new library.RawImage(data, width, height, channels));
      return caption?.generated_text.trim() ?? "";
    };
  } finally {
    Object.assign(env, before);
  }
}

async function importTransformers(): Promise<Transformers> {
  // A name in a variable: bundlers and type checkers must not ask for what few users need.
  const name = "@huggingface/transformers";
  try {
    return (await import(name)) as Transformers;
  } catch (cause) {
    throw new ControlNetError("missing", `localCaptioner: needs ${name}; install it: npm install ${name}`, {
      cause,
    });
  }
}
