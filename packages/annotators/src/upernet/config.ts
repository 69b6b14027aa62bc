import { z } from "zod";
import { type Json, parseJson } from "../hugging-face/parse-json.js";

/** The sizes of a ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022). */
export interface ConvNextConfig {
  /** Height and width of the pixels that one of the first stage sees, 4x4 as published. */
  patch: [number, number];
  /** Channels of each stage. */
  widths: number[];
  /** Blocks of each stage. */
  depths: number[];
  /** Whether each block's result is scaled by a factor for each channel. */
  hasLayerScale: boolean;
  /** The stages whose results are used, 0 being the stem. */
  outputs: number[];
}

/** The sizes of a UPerNet on a ConvNeXt. */
export interface UperNetConfig {
  backbone: ConvNextConfig;
  /** Channels of each layer of the head. */
  width: number;
  /** The pyramid's pictures are this many pixels high and wide. */
  poolSizes: number[];
  classes: number;
}

const size = z.int().positive();
const list = z.array(size).min(1);

const backboneSchema = z
  .object({
    model_type: z.literal("convnext", {
      error: ({ input }) => `a backbone of type "${String(input)}" is not built; expected "convnext"`,
    }),
    num_channels: z.literal(3, "expected 3, the channels of a picture").default(3),
    patch_size: z
      .union([size.transform((side): [number, number] => [side, side]), z.tuple([size, size])])
      .default([4, 4]),
    num_stages: size.optional(),
    hidden_sizes: list.default([96, 192, 384, 768]),
    depths: z.array(z.int().nonnegative()).default([3, 3, 9, 3]),
    hidden_act: z
      .literal("gelu", { error: ({ input }) => `"${String(input)}" is not built; expected "gelu"` })
      .default("gelu"),
    layer_scale_init_value: z.number().default(1e-6),
    out_features: z.array(z.string()).min(1).optional(),
    out_indices: z.array(z.int()).min(1).optional(),
  })
  .superRefine(({ hidden_sizes: widths, depths, num_stages: stages = depths.length }, problems) => {
    if (depths.length !== widths.length || stages !== widths.length)
      problems.addIssue({
        code: "custom",
        path: ["depths"],
        message: `${stages} stages, ${depths.length} depths and ${widths.length} hidden_sizes don't agree`,
      });
  })
  .transform((given, problems): ConvNextConfig => {
    const stages = given.depths.length;
    const outputs = given.out_features
      ? given.out_features.map((name) => (name === "stem" ? 0 : Number(/^stage([1-9]\d*)$/.exec(name)?.[1])))
      : (given.out_indices?.map((i) => (i < 0 ? i + stages + 1 : i)) ?? [stages]);
    if (!outputs.every((i, at) => i >= 0 && i <= stages && (at === 0 || i > outputs[at - 1]!)))
      problems.addIssue({
        code: "custom",
        path: [given.out_features ? "out_features" : "out_indices"],
        message: `expected some of stem, stage1 to stage${stages}, in this order`,
      });
    return {
      patch: given.patch_size,
      widths: given.hidden_sizes,
      depths: given.depths,
      hasLayerScale: given.layer_scale_init_value > 0,
      outputs,
    };
  });

const schema = z
  .object({
    backbone: z.undefined("a backbone of timm is not built; expected backbone_config").optional(),
    backbone_config: backboneSchema,
    hidden_size: size.default(512),
    pool_scales: list.default([1, 2, 3, 6]),
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
 * @throws ControlNetError `unsupported` naming each value that is not built, such as another backbone than ConvNeXt
 */
export const uperNetConfigFromTransformers = (where: string, json: Json): UperNetConfig =>
  parseJson(where, schema, json);
