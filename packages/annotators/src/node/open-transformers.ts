import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { type ProcessedPicture, pillowSizer } from "./pillow-sizer.js";

/** A tensor of `@huggingface/transformers`. */
export interface LibraryTensor {
  dims: number[];
  data: ArrayLike<number>;
}

/** A model of `@huggingface/transformers` with its processor. */
export interface LibraryModel {
  /** Model outputs by name for a picture of bytes. */
  run(image: Image): Promise<Record<string, LibraryTensor>>;
  dispose(): Promise<unknown>;
}

/** What is used of `@huggingface/transformers`. */
export interface TransformersLibrary {
  env: { allowRemoteModels: boolean; localModelPath: string };
  RawImage: new (data: Uint8Array, width: number, height: number, channels: number) => unknown;
  AutoProcessor: Loader<(image: unknown) => Promise<ProcessedPicture>>;
  AutoModelForDepthEstimation: Loader<Model>;
  AutoModelForSemanticSegmentation: Loader<Model>;
  pipeline(
    task: "image-to-text",
    name: string,
    options: LoadOptions,
  ): Promise<((image: unknown) => Promise<{ generated_text: string }[]>) & { dispose(): Promise<unknown> }>;
}
interface LoadOptions {
  local_files_only: boolean;
  dtype: "fp32";
}
interface Loader<T> {
  from_pretrained(name: string, options: LoadOptions): Promise<T>;
}

/** Where the library comes from. */
export interface TransformersOptions {
  /** The module `@huggingface/transformers`, where it is not installed beside this package. */
  library?: TransformersLibrary;
}

type Model = ((inputs: unknown) => Promise<Record<string, LibraryTensor>>) & { dispose(): Promise<unknown> };

/**
 * Opens a local model by `@huggingface/transformers`, which has to be installed beside this package. Nothing is downloaded.
 * @param folder the model's files as that package lays them out: `config.json`, `preprocessor_config.json`, `onnx/`
 * @param kinds `model_type`s that are accepted
 * @throws ControlNetError `io` where the folder holds no model, `unsupported` for a model of another kind, `missing` where
 * the package is not installed
 */
export async function openLibraryModel(
  where: string,
  folder: string,
  loader: "AutoModelForDepthEstimation" | "AutoModelForSemanticSegmentation",
  kinds: readonly string[],
  options: TransformersOptions = {},
): Promise<LibraryModel> {
  return await openLocally(where, folder, kinds, options, async (library, name, load) => {
    const processor = await library.AutoProcessor.from_pretrained(name, load);
    const model = await library[loader].from_pretrained(name, load);
    const process = ({ data, width, height, channels }: Image) =>
      processor(new library.RawImage(data, width, height, channels));
    const sized = pillowSizer(where, folder);
    return {
      run: async (image: Image) => model(await sized(image, process)),
      dispose: () => model.dispose(),
    };
  });
}

/**
 * Has `@huggingface/transformers` open what lies in a folder, without the net.
 * @throws ControlNetError as {@link openLibraryModel}
 */
export async function openLocally<T>(
  where: string,
  folder: string,
  kinds: readonly string[],
  { library: given }: TransformersOptions,
  open: (library: TransformersLibrary, name: string, load: LoadOptions) => Promise<T>,
): Promise<T> {
  const { model_type: kind } = readConfig(folder);
  if (!kinds.includes(String(kind)))
    throw new ControlNetError(
      "unsupported",
      `${where}: ${folder} holds a model of type "${kind}", expected one of ${kinds.join(", ")}`,
    );
  const library = given ?? (await importLibrary(where));
  const { env } = library;
  const before = { allowRemoteModels: env.allowRemoteModels, localModelPath: env.localModelPath };
  // It looks some files up on the net even when told to stay local, unless its settings forbid it.
  Object.assign(env, { allowRemoteModels: false, localModelPath: dirname(resolve(folder)) });
  try {
    return await open(library, basename(resolve(folder)), { local_files_only: true, dtype: "fp32" });
  } catch (cause) {
    throw new ControlNetError("format", `${where}: can't open ${folder}: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    Object.assign(env, before);
  }
}

async function importLibrary(where: string): Promise<TransformersLibrary> {
  // A name in a variable: bundlers and type checkers must not ask for what few users need.
  const name = "@huggingface/transformers";
  try {
    return await import(name).catch(async () => {
      // Not beside this package, such as where npx keeps the program: that of the user's own folder.
      const { href } = pathToFileURL(createRequire(join(process.cwd(), "index.js")).resolve(name));
      const library = await import(/* @vite-ignore */ href);
      return library.env ? library : library.default;
    });
  } catch (cause) {
    // Installed without all that it needs itself, it is there and doesn't load.
    const [reason = ""] = (cause as Error).message.split("\n");
    const why = reason.includes(name) ? "" : ` (${reason})`;
    throw new ControlNetError("missing", `${where}: needs ${name}; install it: npm install ${name}${why}`, {
      cause,
    });
  }
}
