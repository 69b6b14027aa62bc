import * as z from "zod";
import { type Json, parseJson } from "../hugging-face/parse-json.js";
import { type BackboneConfig, backboneSchema } from "./backbone-config.js";

/** The sizes of a UPerNet. */
export interface UperNetConfig {
  backbone: BackboneConfig;
  /** Channels of each layer of the head. */
  width: number;
  /** The pyramid's pictures are this many pixels high and wide. */
  poolSizes: number[];
  classes: number;
}

const size = z
  .int()
  .positive()
  .max(2 ** 20);

const schema = z
  .object({
    backbone: z.undefined("a backbone of timm is not built; expected backbone_config").optional(),
    backbone_config: backboneSchema,
    hidden_size: size.default(512),
    pool_scales: z.array(size.max(1024)).min(1).max(16).default([1, 2, 3, 6]),
    id2label: z.record(z.string(), z.unknown()).optional(),
    num_labels: size.optional(),
  })
  .transform(
    (given): UperNetConfig => ({
      backbone: given.backbone_config,
      width: given.hidden_size,
      poolSizes: given.pool_scales,
      classes: given.id2label ? Object.keys(given.id2label).length : (given.num_labels ?? 2),
    }),
  );

/**
 * Reads transformers' `config.json` of a UperNetForSemanticSegmentation.
 * @param where the file, named in errors
 * @throws ControlNetError `unsupported` naming each value that is not built, such as a ResNet as the backbone
 */
export const uperNetConfigFromTransformers = (where: string, json: Json): UperNetConfig =>
  parseJson(where, schema, json);
