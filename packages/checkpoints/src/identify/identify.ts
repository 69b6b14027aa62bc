import { visibleLine } from "@controlnet-js/core";
import { hasEmaWeights } from "../sub-source.js";
import type { TensorSource } from "../tensor-source.js";
import { familyTitles, type ModelFamily, refusedFamilies } from "./families.js";
import { type FoundPart, findParts, type ModelPart } from "./model-parts.js";
import { findOtherKind, type OtherKindName } from "./other-kinds.js";

/** What a U-Net was made for, by the channels that go in. */
export type ModelVariant =
  | "text-to-image"
  | "inpainting"
  | "instruct-pix2pix"
  | "depth"
  | "upscaler"
  | "other";

/** What a U-Net predicts. Stable Diffusion 2 has both kinds, and nothing in its weights tells. */
export type PredictionKind = "epsilon" | "v" | "sample" | "unknown";

/** What a file is. */
export interface Identity {
  /** `stable-diffusion` is a U-Net together with an autoencoder or a text encoder. */
  kind: "stable-diffusion" | ModelPart | OtherKindName | "unknown";
  family?: ModelFamily;
  variant?: ModelVariant;
  prediction?: PredictionKind;
  /** The models in the file and where. */
  parts: FoundPart[];
  /** Whether the moving average of the weights is there too. */
  ema: boolean;
  /** One sentence for a person. */
  summary: string;
  /** What to do, where the file is of no use here. */
  advice?: string;
}

const variants: ReadonlyMap<number, ModelVariant> = new Map([
  [4, "text-to-image"],
  [9, "inpainting"],
  [8, "instruct-pix2pix"],
  [5, "depth"],
  [7, "upscaler"],
]);

/** Tells what a file is, from its names and shapes alone; reads no weights. */
export function identify(source: TensorSource): Identity {
  const names = source.names();
  const ema = hasEmaWeights(source);
  const parts = findParts(source);
  const other = findOtherKind(names);
  if (other && (parts.length === 0 || other.decides)) {
    const xl = names.some((name) => /^lora_te2_|^text_encoder_2\.|conditioner\.embedders\./.test(name));
    const summary = `${other.title}${xl ? " for Stable Diffusion XL" : ""}, ${tensorsIn(names)}`;
    return { kind: other.kind, parts: [], ema, summary, advice: other.advice, ...(xl && { family: "sdxl" }) };
  }
  const unet = parts.find(({ part }) => part === "unet");
  const controlNet = parts.find(({ part }) => part === "controlnet");
  const main = unet ?? controlNet ?? parts[0];
  if (!main) {
    const some = names
      .slice(0, 3)
      .map((name) => visibleLine(name.slice(0, 200)))
      .join(", ");
    const summary = `a file of ${tensorsIn(names)} of an unknown kind${some && ` (${some}${names.length > 3 ? ", ..." : ""})`}`;
    const advice =
      "expected Stable Diffusion 1 or 2 or a ControlNet, in the original code's or diffusers' names";
    return { kind: "unknown", parts, ema, summary, advice };
  }
  const family = familyOf(main);
  const isNet = main.part === "unet" || main.part === "controlnet";
  const variant = isNet ? (variants.get(main.inputChannels ?? 0) ?? "other") : undefined;
  const prediction = unet ? predictionOf(source, family) : undefined;
  const whole =
    unet !== undefined && parts.some(({ part }) => part === "autoencoder" || part === "text-encoder");
  const kind = whole ? "stable-diffusion" : main.part;
  const refused = family !== undefined ? refusedFamilies.get(family) : undefined;
  return {
    kind,
    ...(family && { family }),
    ...(variant && { variant }),
    ...(prediction && { prediction }),
    parts,
    ema,
    summary: summarise(kind, main, family, variant, prediction, unet && controlNet),
    ...(refused && { advice: `${refused} is not supported; use a model of Stable Diffusion 1 or 2` }),
  };
}

const tensorsIn = ({ length }: readonly string[]): string =>
  `${length} ${length === 1 ? "tensor" : "tensors"}`;

function familyOf({ part, width, contextWidth, takesAddedEmbedding }: FoundPart): ModelFamily | undefined {
  if (part === "autoencoder") return undefined;
  if (takesAddedEmbedding)
    return contextWidth === 1024 ? "sd2-unclip" : contextWidth === 1280 ? "sdxl-refiner" : "sdxl";
  if (part === "text-encoder")
    return contextWidth === 768
      ? "sd1"
      : contextWidth === 1024
        ? "sd2"
        : contextWidth === 1280
          ? "sdxl"
          : "custom";
  if (width !== 320) return "custom";
  return contextWidth === 768
    ? "sd1"
    : contextWidth === 1024
      ? "sd2"
      : contextWidth === 2048
        ? "sdxl"
        : "custom";
}

const toldKinds: readonly (readonly [RegExp, PredictionKind])[] = [
  [/^v/i, "v"],
  [/^eps/i, "epsilon"],
  [/^(sample|x0|original)/i, "sample"],
];

/** What a file's own metadata say that its model predicts, in their words. */
export const toldPrediction = ({ metadata }: Pick<TensorSource, "metadata">): string | undefined =>
  metadata["modelspec.predict_key"] ?? metadata["modelspec.prediction_type"];

function predictionOf(source: TensorSource, family: ModelFamily | undefined): PredictionKind {
  const told = toldPrediction(source);
  if (told !== undefined) return toldKinds.find(([pattern]) => pattern.test(told))?.[1] ?? "unknown";
  if (source.names().includes("v_pred")) return "v";
  return family === "sd1" || family === "sdxl" ? "epsilon" : "unknown";
}

const partTitles: Record<ModelPart, string> = {
  unet: "a U-Net",
  controlnet: "a ControlNet",
  autoencoder: "an autoencoder",
  "text-encoder": "a text encoder",
};

const keyTitles: Record<FoundPart["keys"], string> = {
  ldm: "the original code's names",
  diffusers: "diffusers' names",
  transformers: "transformers' names",
  "transformers-5": "transformers' names",
  openclip: "OpenCLIP's names",
};

function summarise(
  kind: "stable-diffusion" | ModelPart,
  main: FoundPart,
  family: ModelFamily | undefined,
  variant: ModelVariant | undefined,
  prediction: PredictionKind | undefined,
  inside: FoundPart | undefined,
): string {
  const whole = kind === "stable-diffusion";
  const title = whole ? "a whole model" : partTitles[kind];
  const isBase = whole || kind === "unet";
  const owner = !family
    ? ""
    : isBase && family === "custom"
      ? " of its own size"
      : ` ${isBase ? "of" : "for"} ${familyTitles[family]}`;
  const facts = [
    variant && variant !== "text-to-image" && `${variant} (${main.inputChannels} input channels)`,
    main.contextWidth !== undefined && family === "custom" && `text width ${main.contextWidth}`,
    main.latentChannels !== undefined && `${main.latentChannels} latent channels`,
    main.hintChannels !== undefined &&
      main.hintChannels !== 3 &&
      `${main.hintChannels} channels of control map`,
    prediction === "v" && "v-prediction",
    prediction === "sample" && "sample prediction",
    prediction === "unknown" && family === "sd2" && "epsilon or v-prediction (the weights don't tell)",
    inside && "with a ControlNet inside",
    `${main.dtype}, in ${keyTitles[main.keys]}`,
  ].filter((fact) => typeof fact === "string");
  return [title + owner, ...facts].join(", ");
}
