import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { type PictureProcessor, processPixels } from "../hugging-face/picture-processor.js";
import { type SceneProcessorName, sceneProcessor } from "../hugging-face/scene-processors.js";
import { readPreprocessor } from "./hugging-face-folder.js";

/** A tensor of `@huggingface/transformers`. */
export interface LibraryTensor {
  dims: number[];
  data: ArrayLike<number>;
}

/** A model of `@huggingface/transformers` that sees pictures. */
export interface LibraryModel {
  /** Model outputs by name for a picture of bytes, which is prepared as Python's transformers does with Pillow. */
  run(image: Image): Promise<Record<string, LibraryTensor>>;
  dispose(): Promise<unknown>;
}

/** What is used of `@huggingface/transformers`. */
export interface TransformersLibrary {
  env: { allowRemoteModels: boolean; localModelPath: string };
  RawImage: new (data: Uint8Array, width: number, height: number, channels: number) => unknown;
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => unknown;
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

/** A model that sees pictures, as {@link openLibraryModel} opens it. */
export interface LibraryModelKind {
  loader: "AutoModelForDepthEstimation" | "AutoModelForSemanticSegmentation";
  /** `model_type`s that are accepted. */
  types: readonly string[];
  /** The image processor where the folder's config names none. */
  processor: SceneProcessorName;
}

/**
 * Opens a local model by `@huggingface/transformers`, which has to be installed beside this package. Nothing is downloaded.
 * Pictures are prepared here: the library's own processors take single pixels where they shrink and follow a part of the
 * config only, so that networks would see other pictures than in Python.
 * @param folder the model's files as that package lays them out: `config.json`, `preprocessor_config.json`, `onnx/`
 * @throws ControlNetError `io` where the folder holds no model, `unsupported` for a model of another kind or a picture's
 * preparation that is not built, `missing` where the package is not installed
 */
export async function openLibraryModel(
  where: string,
  folder: string,
  { loader, types, processor: usual }: LibraryModelKind,
  options: TransformersOptions = {},
): Promise<LibraryModel> {
  return await openLocally(where, folder, types, options, async (library, name, load) => {
    const processor = sceneProcessor(
      `${where}: ${join(folder, "preprocessor_config.json")}`,
      readPreprocessor(folder),
      usual,
    );
    const model = await library[loader].from_pretrained(name, load);
    return {
      run: async (image: Image) => model({ pixel_values: pixelValues(where, library, image, processor) }),
      dispose: () => model.dispose(),
    };
  });
}

/** A picture as the library's tensor, `[1, 3, height, width]`. */
function pixelValues(
  where: string,
  { Tensor }: TransformersLibrary,
  image: Image,
  processor: PictureProcessor,
): unknown {
  const { data, width, height } = processPixels(where, image, processor);
  const size = width * height;
  const planes = new Float32Array(3 * size);
  for (let i = 0, at = 0; i < size; i++) for (let c = 0; c < 3; c++, at++) planes[c * size + i] = data[at]!;
  return new Tensor("float32", planes, [1, 3, height, width]);
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
    if (cause instanceof ControlNetError) throw cause;
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
