import { ControlNetError, type Jitted } from "@controlnet-js/core";
import { encodeText, encodeTexts } from "@controlnet-js/text-encoder";
import { concat, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import type { CompiledPipeline } from "./compile-pipeline.js";
import type { TextModel } from "./pipeline.js";
import type { ResolvedOptions } from "./resolve-options.js";

/** Prompts as the U-Net takes them. */
export interface PromptEmbeds {
  /** [batch, tokens, features]. */
  positive: Tensor3D;
  /** Of the same shape; needed unless guidance is 1. */
  negative?: Tensor3D;
}

/** Encodes prompts [batch, tokens, features], which the caller disposes, and tells what was cut off each. */
export function encodePrompts(
  text: TextModel,
  prompts: readonly string[],
  encode: Jitted<typeof encodeText> | typeof encodeText = encodeText,
): { context: Tensor3D; truncated: (string | undefined)[] } {
  const { tokens, truncated } = encodeTexts(text.tokenizer, prompts);
  try {
    return { context: encode(text.params, text.config, tokens), truncated };
  } finally {
    tokens.dispose();
  }
}

/** Sentences about what was cut off. */
export const truncationWarnings = (
  what: string,
  truncated: readonly (string | undefined)[],
  maxTokens: number,
): string[] =>
  truncated.flatMap((rest, i) =>
    rest === undefined
      ? []
      : [`${what} ${i + 1} is longer than ${maxTokens - 2} tokens; the model did not see: "${rest}"`],
  );

/**
 * The negative and the positive half in one tensor, the negative first; the positive half alone without guidance.
 * The caller disposes it.
 * @throws ControlNetError `shape`, or `missing` where guidance needs a negative half
 */
export function joinEmbeds(embeds: PromptEmbeds, batch: number, features: number, guided: boolean): Tensor3D {
  const { positive, negative } = embeds;
  for (const [name, half] of [
    ["positive", positive],
    ["negative", negative],
  ] as const)
    if (half && (half.rank !== 3 || half.shape[0] !== batch || half.shape[2] !== features))
      throw new ControlNetError(
        "shape",
        `textToImage: expected ${name} prompt embeds [${batch}, tokens, ${features}], got [${half.shape}]`,
      );
  if (!guided) return positive.clone();
  if (!negative)
    throw new ControlNetError(
      "missing",
      "textToImage: guidance needs promptEmbeds.negative, too (or guidance: 1)",
    );
  if (negative.shape[1] !== positive.shape[1])
    throw new ControlNetError(
      "shape",
      `textToImage: prompt embeds of ${positive.shape[1]} and ${negative.shape[1]} tokens; both need the same length`,
    );
  return tidy(() => concat([negative, positive], 0));
}

/** The context of a run [batch or 2 batch, tokens, features], the unconditional half first; warnings are added. */
export function contextOf(
  { pipeline, functions }: CompiledPipeline,
  run: ResolvedOptions,
  warnings: string[],
) {
  const { text, unet } = pipeline;
  const { contextChannels } = unet.config;
  if (!run.guided && run.negative.some((prompt) => prompt !== ""))
    warnings.push("guidance is 1: the negative prompt was not used");
  if (run.promptEmbeds) return joinEmbeds(run.promptEmbeds, run.batch, contextChannels, run.guided);
  // The unconditional half goes first, in the same call.
  const prompts = run.guided ? [...run.negative, ...run.prompts] : run.prompts;
  const { context, truncated } = encodePrompts(text, prompts, functions.encodeText);
  const { maxTokens } = text.tokenizer;
  const positive = truncated.slice(-run.batch);
  warnings.push(...truncationWarnings("prompt", positive, maxTokens));
  if (run.guided)
    warnings.push(...truncationWarnings("negative prompt", truncated.slice(0, run.batch), maxTokens));
  if (context.shape[2] === contextChannels) return context;
  context.dispose();
  throw new ControlNetError(
    "config",
    `textToImage: the text encoder gives ${context.shape[2]} features, the U-Net takes ${contextChannels}`,
  );
}
