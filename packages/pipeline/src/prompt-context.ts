import { ControlNetError, type Jitted } from "@controlnet-js/core";
import { encodeText, encodeTexts, type Tokenizer } from "@controlnet-js/text-encoder";
import { concat, type Tensor3D, tidy, tile } from "@tensorflow/tfjs-core";
import type { CompiledPipeline } from "./compile-pipeline.js";
import type { TextModel } from "./pipeline.js";
import type { ResolvedOptions } from "./resolve-options.js";

/** Prompts as the U-Net takes them. */
export interface PromptEmbeds {
  /** [1 or batch, tokens, features]. */
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

/** Sentences about what was cut off, one for each text that is too long. */
export const truncationWarnings = (
  what: string,
  texts: readonly string[],
  truncated: readonly (string | undefined)[],
  { maxTokens, tokenize }: Pick<Tokenizer, "maxTokens" | "tokenize">,
): string[] =>
  texts.flatMap((text, i) => {
    if (truncated[i] === undefined || texts.indexOf(text) !== i) return [];
    const [count, room] = [tokenize(text).length, maxTokens - 2];
    return [
      `${what} ${i + 1}: ${count - room} of its ${count} tokens were cut off, ${room} fit; the model did not see: "${truncated[i]}"`,
    ];
  });

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
    if (half && (half.rank !== 3 || ![1, batch].includes(half.shape[0]) || half.shape[2] !== features))
      throw new ControlNetError(
        "shape",
        `textToImage: expected ${name} prompt embeds [${batch === 1 ? 1 : `1 or ${batch}`}, tokens, ${features}], got [${half.shape}]`,
      );
  const whole = (half: Tensor3D) => (half.shape[0] === batch ? half.clone() : tile(half, [batch, 1, 1]));
  if (!guided) return whole(positive);
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
  return tidy(() => concat([whole(negative), whole(positive)], 0));
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
  const { tokenizer } = text;
  warnings.push(...truncationWarnings("prompt", run.prompts, truncated.slice(-run.batch), tokenizer));
  if (run.guided)
    warnings.push(
      ...truncationWarnings("negative prompt", run.negative, truncated.slice(0, run.batch), tokenizer),
    );
  if (context.shape[2] === contextChannels) return context;
  context.dispose();
  throw new ControlNetError(
    "config",
    `textToImage: the text encoder gives ${context.shape[2]} features, the U-Net takes ${contextChannels}`,
  );
}
