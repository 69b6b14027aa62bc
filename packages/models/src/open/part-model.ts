import {
  type AutoencoderConfig,
  type AutoencoderKeys,
  autoencoderConfigFromDiffusers,
  autoencoderConfigToDiffusers,
  autoencoderKeyRows,
  autoencoderKeysOf,
} from "@controlnet-js/autoencoder";
import {
  compareKeys,
  describeReport,
  type FoundPart,
  isCleanReport,
  type KeyForm,
  KeyReportError,
  type KeyRow,
  type ModelPart,
  type NamedTensor,
  withoutPrefix,
} from "@controlnet-js/checkpoints";
import {
  type ControlNetConfig,
  controlNetConfigFromDiffusers,
  controlNetConfigToDiffusers,
  controlNetKeyRows,
} from "@controlnet-js/controlnet";
import {
  findTextEncoder,
  type TextEncoderConfig,
  type TextEncoderKeys,
  textEncoderConfigFromShapes,
  textEncoderConfigFromTransformers,
  textEncoderConfigToTransformers,
  textEncoderIgnoredKeys,
  textEncoderKeyRows,
} from "@controlnet-js/text-encoder";
import {
  type UNetConfig,
  type UNetKeys,
  unetConfigFromDiffusers,
  unetConfigToDiffusers,
  unetKeyRows,
} from "@controlnet-js/unet";
import { autoencoderFromShapes } from "./autoencoder-from-shapes.js";
import type { ModelHints } from "./model-hints.js";
import { controlNetFromShapes, unetFromShapes } from "./net-from-shapes.js";
import type { ConfigJson, OpenModel } from "./open-model.js";

/** The published forms of key names, the autoencoder's old one among them. */
export type PartKeys = KeyForm | "diffusers-old";

/** A model of a file with its config. */
export type PartModel =
  | { part: "unet"; config: UNetConfig }
  | { part: "controlnet"; config: ControlNetConfig }
  | { part: "autoencoder"; config: AutoencoderConfig }
  | { part: "text-encoder"; config: TextEncoderConfig };

/** A part on its way into another form. */
export interface ConvertedPart {
  part: ModelPart;
  /** The names it has now. */
  keys: PartKeys;
  entries: NamedTensor[];
  json: ConfigJson;
  /** Whether `json` was read rather than taken from shapes. */
  told: boolean;
}

/** Names (without prefix) that may be there unused: buffers that are computed, and what only training needs. */
export const ignoredKeys: Readonly<Record<PartModel["part"], readonly RegExp[]>> = {
  unet: [],
  controlnet: [],
  autoencoder: [/^loss\./, /^model_ema\./],
  "text-encoder": textEncoderIgnoredKeys,
};

/** The form of a part's keys. `FoundPart` does not tell diffusers' two ways of naming an autoencoder's attention. */
export function keysOf({ source }: OpenModel, { part, keys, prefix }: FoundPart): PartKeys {
  if (part !== "autoencoder") return keys;
  return autoencoderKeysOf(withoutPrefix(source, prefix).names()) ?? keys;
}

/**
 * A part's config: from its `config.json`, else from its shapes and `hints`.
 * @throws ControlNetError `config`, `format` or `unsupported`
 */
export function partModel(
  opened: OpenModel,
  found: FoundPart,
  hints: ModelHints | undefined,
  log?: (line: string) => void,
): PartModel {
  const json = hints === undefined ? opened.configOf(found) : undefined;
  const own = withoutPrefix(opened.source, found.prefix);
  const keys = keysOf(opened, found);
  switch (found.part) {
    case "unet":
      return {
        part: found.part,
        config: json ? unetConfigFromDiffusers(json) : unetFromShapes(own, found.keys, hints, log),
      };
    case "controlnet":
      return {
        part: found.part,
        config: json
          ? controlNetConfigFromDiffusers(json)
          : controlNetFromShapes(own, found.keys, hints, log),
      };
    case "autoencoder":
      return {
        part: found.part,
        config: json
          ? autoencoderConfigFromDiffusers(json)
          : autoencoderFromShapes(own, keys as AutoencoderKeys, hints, log),
      };
    case "text-encoder": {
      const file = findTextEncoder(own.names())!;
      if (json) return { part: found.part, config: textEncoderConfigFromTransformers(json, file) };
      // Stable Diffusion 2's 24th layer is left out of files that come from diffusers.
      const cut = file.keys === "openclip" && found.contextWidth === 1024 && file.layers === 23;
      const skippedLayers = cut ? 0 : hints?.skippedLayers;
      const known = skippedLayers === undefined || skippedLayers >= file.layers ? {} : { skippedLayers };
      return { part: found.part, config: textEncoderConfigFromShapes(own, file, known) };
    }
  }
}

/** The key table of a part in one of its forms, without prefix. */
export function partRows(model: PartModel, keys: PartKeys): KeyRow[] {
  switch (model.part) {
    case "unet":
      return unetKeyRows(model.config, keys as UNetKeys);
    case "controlnet":
      return controlNetKeyRows(model.config, keys as UNetKeys);
    case "autoencoder":
      return autoencoderKeyRows(model.config, keys as AutoencoderKeys);
    case "text-encoder":
      return textEncoderKeyRows(model.config, keys as TextEncoderKeys);
  }
}

/**
 * Checks that the file holds exactly what the part needs.
 * @throws KeyReportError (`format`) listing missing, unused and mismatched keys
 */
export function assertPartKeys(opened: OpenModel, found: FoundPart, rows: readonly KeyRow[]): void {
  const where = `${found.part} in ${opened.path}`;
  const others = opened.identity.parts
    .filter(({ prefix }) => prefix !== found.prefix && prefix.startsWith(found.prefix))
    .map(({ prefix }) => prefix.slice(found.prefix.length));
  const nested = (name: string) =>
    others.some((prefix) => name.slice(found.prefix.length).startsWith(prefix));
  const report = compareKeys(opened.source, rows, {
    prefix: found.prefix,
    ignore: ignoredKeys[found.part],
    where,
  });
  report.unused = report.unused.filter((name) => !nested(name));
  if (isCleanReport(report)) return;
  throw new KeyReportError(
    `${where}: the file does not fit the model that its shapes tell\n${describeReport(report)}`,
    report,
  );
}

/** diffusers' or transformers' `config.json` of a part. */
export function partConfigJson(model: PartModel): ConfigJson {
  switch (model.part) {
    case "unet":
      return unetConfigToDiffusers(model.config);
    case "controlnet":
      return controlNetConfigToDiffusers(model.config);
    case "autoencoder":
      return autoencoderConfigToDiffusers(model.config);
    case "text-encoder": {
      const { vocabularySize, activation } = model.config;
      // Start and end are CLIP's last two tokens; OpenCLIP pads with token 0.
      const endToken = vocabularySize - 1;
      const padToken = activation === "gelu" ? 0 : endToken;
      const tokens = { startToken: vocabularySize - 2, endToken, padToken };
      // transformers wants a float in initializer_factor, which JSON here can't tell from an integer; 1 is its default.
      const { initializer_factor: _, ...json } = textEncoderConfigToTransformers(model.config, tokens);
      // Stable Diffusion takes every token's features, never the projection, which is kept beside them.
      return { ...json, architectures: ["CLIPTextModel"] };
    }
  }
}
