import { activationNames, ControlNetError } from "@controlnet-js/core";
import * as z from "zod";

/** Far above what is published: a config's number must not decide how long reading takes. */
const size = z
  .int()
  .positive()
  .max(2 ** 20);

/** The shape of a CLIP text transformer (Radford et al., 2021). The defaults are those of Stable Diffusion 1. */
export const textEncoderConfigSchema = z.strictObject({
  vocabularySize: size.default(49408).describe("number of tokens known"),
  maxTokens: size.max(4096).default(77).describe("tokens of a text, start and end included"),
  hiddenSize: size.default(768).describe("features of a token"),
  feedForwardSize: size.default(3072).describe("features inside the feed-forward layers"),
  heads: size.default(12).describe("attention heads"),
  layers: size.max(256).default(12).describe("transformer layers"),
  /** Last layers that are held but not run: 1 in a 24-layer OpenCLIP encoder, of which Stable Diffusion 2 takes 23. */
  skippedLayers: z.int().nonnegative().default(0).describe("last layers that are held but not run"),
  activation: z
    .enum(["quick-gelu", ...activationNames])
    .default("quick-gelu")
    .describe("of the feed-forward layers"),
  epsilon: z.number().positive().default(1e-5).describe("of the layer norms"),
  /** Width of the projection into the space shared with pictures; Stable Diffusion does not use it. 0: none. */
  projectionSize: z
    .int()
    .nonnegative()
    .max(2 ** 20)
    .default(0)
    .describe("width of the projection that some files hold; 0 for none"),
  /** Whether the tree keeps CLIP's unused temperature, so that a file comes out as it went in. */
  logitScale: z.boolean().default(false).describe("whether the unused temperature is kept"),
});

/** A complete, checked text encoder config. */
export type TextEncoderConfig = z.output<typeof textEncoderConfigSchema>;

/**
 * Fills in the defaults and checks the whole.
 * @throws ControlNetError `config` naming each wrong or unknown key
 */
export function textEncoderConfig(config: z.input<typeof textEncoderConfigSchema> = {}): TextEncoderConfig {
  const result = textEncoderConfigSchema.safeParse(config);
  if (!result.success)
    throw new ControlNetError("config", `textEncoderConfig: ${z.prettifyError(result.error)}`);
  const { hiddenSize, heads, layers, skippedLayers } = result.data;
  if (hiddenSize % heads !== 0)
    throw new ControlNetError(
      "config",
      `textEncoderConfig: hiddenSize ${hiddenSize} doesn't divide into ${heads} heads`,
    );
  if (skippedLayers >= layers)
    throw new ControlNetError(
      "config",
      `textEncoderConfig: skippedLayers ${skippedLayers} must be below layers ${layers}`,
    );
  return result.data;
}
