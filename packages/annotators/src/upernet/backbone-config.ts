import * as z from "zod";

/** What every backbone has: stages, each of which halves what the one before it made. */
interface Stages {
  /** Height and width of the pixels that one of the first stage sees, 4x4 as published. */
  patch: [number, number];
  /** Channels of each stage. */
  widths: number[];
  /** Blocks of each stage. */
  depths: number[];
  /** The stages whose results are used, shallow to deep, 0 being the stem. */
  outputs: number[];
}

/** The sizes of a ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022). */
export interface ConvNextConfig extends Stages {
  kind: "convnext";
  /** Whether each block's result is scaled by a factor for each channel. */
  hasLayerScale: boolean;
}

/** The sizes of a Swin transformer (Liu et al., "Swin transformer", 2021). */
export interface SwinConfig extends Stages {
  kind: "swin";
  /** Attention heads of each stage. */
  heads: number[];
  /** Height and width of the windows in which pixels attend to each other. */
  window: number;
  /** Hidden features of a block for each channel, rounded down. */
  expansion: number;
  /** Whether queries, keys and values have a bias. */
  hasQueryBias: boolean;
  /** Of the blocks' layer norms. */
  epsilon: number;
}

export type BackboneConfig = ConvNextConfig | SwinConfig;

/** Channels of the result of a stage, 0 being the stem. */
export const stageWidth = ({ widths }: BackboneConfig, stage: number): number =>
  widths[Math.max(0, stage - 1)]!;

/** transformers' name of a stage. */
export const stageName = (stage: number): string => (stage === 0 ? "stem" : `stage${stage}`);

/** Far above what is published: a config's number must not decide how long reading takes. */
const size = z
  .int()
  .positive()
  .max(2 ** 20);
const list = z.array(size).min(1).max(16);
const depths = z.array(size.max(256)).min(1).max(16);

const common = {
  num_channels: z.literal(3, "expected 3, the channels of a picture").default(3),
  patch_size: z
    .union([size.transform((side): [number, number] => [side, side]), z.tuple([size, size])])
    .default([4, 4]),
  hidden_act: z
    .literal("gelu", { error: ({ input }) => `"${String(input)}" is not built; expected "gelu"` })
    .default("gelu"),
  out_features: z.array(z.string()).min(1).max(17).optional(),
  out_indices: z.array(z.int()).min(1).max(17).optional(),
};

interface Problems {
  issues: unknown[];
  addIssue(issue: { code: "custom"; path: string[]; message: string }): void;
}

/** The stages whose results are used: the last one where nothing is said. */
function readOutputs(
  { out_features: names, out_indices: indices }: { out_features?: string[]; out_indices?: number[] },
  stages: number,
  problems: Problems,
): number[] {
  const known = Array.from({ length: stages + 1 }, (_, i) => stageName(i));
  const outputs = names
    ? names.map((name) => known.indexOf(name))
    : (indices?.map((i) => (i < 0 ? i + stages + 1 : i)) ?? [stages]);
  if (!outputs.every((i, at) => i >= 0 && i <= stages && (at === 0 || i > outputs[at - 1]!)))
    problems.addIssue({
      code: "custom",
      path: [names ? "out_features" : "out_indices"],
      message: `expected some of ${known.join(", ")}, in this order`,
    });
  return outputs;
}

const convNextSchema = z
  .object({
    model_type: z.literal("convnext"),
    ...common,
    num_stages: size.optional(),
    hidden_sizes: list.default([96, 192, 384, 768]),
    depths: depths.default([3, 3, 9, 3]),
    layer_scale_init_value: z.number().default(1e-6),
  })
  .transform((given, problems): ConvNextConfig => {
    const { hidden_sizes: widths, depths, num_stages: stages = depths.length } = given;
    if (depths.length !== widths.length || stages !== widths.length)
      problems.addIssue({
        code: "custom",
        path: ["depths"],
        message: `${stages} stages, ${depths.length} depths and ${widths.length} hidden_sizes don't agree`,
      });
    return {
      kind: "convnext",
      patch: given.patch_size,
      widths,
      depths,
      outputs: readOutputs(given, depths.length, problems),
      hasLayerScale: given.layer_scale_init_value > 0,
    };
  });

const swinSchema = z
  .object({
    model_type: z.literal("swin"),
    ...common,
    embed_dim: size.default(96),
    depths: depths.default([2, 2, 6, 2]),
    num_heads: list.default([3, 6, 12, 24]),
    window_size: size.max(1024).default(7),
    mlp_ratio: z.number().positive().max(1024).default(4),
    qkv_bias: z.boolean().default(true),
    layer_norm_eps: z.number().positive().default(1e-5),
    use_absolute_embeddings: z.literal(false, "not built; expected false").default(false),
  })
  .transform((given, problems): SwinConfig => {
    const { depths, num_heads: heads } = given;
    const widths = depths.map((_, i) => given.embed_dim * 2 ** i);
    if (depths.length !== heads.length || widths.some((width, i) => width % heads[i]! !== 0))
      problems.addIssue({
        code: "custom",
        path: ["num_heads"],
        message: `${heads.join(", ")} heads don't divide the ${widths.join(", ")} channels of ${depths.length} stages`,
      });
    return {
      kind: "swin",
      patch: given.patch_size,
      widths,
      depths,
      outputs: readOutputs(given, depths.length, problems),
      heads,
      window: given.window_size,
      expansion: given.mlp_ratio,
      hasQueryBias: given.qkv_bias,
      epsilon: given.layer_norm_eps,
    };
  });

const typeOf = (input: unknown): string => String((input as { model_type?: unknown } | null)?.model_type);

/** `backbone_config` in transformers' `config.json` of a UperNetForSemanticSegmentation. */
export const backboneSchema = z.discriminatedUnion("model_type", [convNextSchema, swinSchema], {
  error: ({ input }) =>
    typeof input === "object"
      ? `a backbone of type "${typeOf(input)}" is not built; expected "convnext" or "swin"`
      : "expected the backbone's config; transformers' own choice, a ResNet, is not built",
});
