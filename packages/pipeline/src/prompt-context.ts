import { ControlNetError, type Jitted } from "@controlnet-js/core";
import type { PromptEmbeds, TextModel } from "@controlnet-js/models";
import { encodeText, encodeTexts, type Tokenizer } from "@controlnet-js/text-encoder";
import { concat, reshape, type Tensor2D, type Tensor3D, tensor2d, tidy, tile } from "@tensorflow/tfjs-core";
import type { CompiledModels } from "./compiled-models.js";
import type { ResolvedOptions } from "./resolve-options.js";

/** How prompts are encoded; see `TextToImageOptions`. */
export interface PromptOptions {
  clipSkip?: number;
  /** Pieces that each prompt takes at least, where long ones are not cut off. */
  pieces?: number;
}

/**
 * Encodes prompts [batch, tokens, features], which the caller disposes, and tells what was cut off each. With `pieces`
 * nothing is: all take as many as the longest, and `tokens` is that times the encoder's own length.
 */
export function encodePrompts(
  text: TextModel,
  prompts: readonly string[],
  encode: Jitted<typeof encodeText> | typeof encodeText = encodeText,
  { clipSkip = 0, pieces }: PromptOptions = {},
): { context: Tensor3D; truncated: (string | undefined)[] } {
  const { tokens, truncated } =
    pieces === undefined
      ? encodeTexts(text.tokenizer, prompts)
      : { tokens: longTokens(text.tokenizer, prompts, pieces), truncated: prompts.map(() => undefined) };
  try {
    const skip = clipSkip > 0 ? ([{ skip: clipSkip }] as const) : [];
    const context = encode({ params: text.params, config: text.config }, tokens, ...skip);
    return { context: joinPieces(context, prompts.length), truncated };
  } finally {
    tokens.dispose();
  }
}

/** How many pieces the longest text takes. */
const piecesOf = (tokenizer: Tokenizer, texts: readonly string[]): number =>
  Math.max(1, ...texts.map((text) => tokenizer.encodeLong(text).length));

/** The tokens of texts in pieces [texts times pieces, tokens], the pieces of a text below one another. */
function longTokens(tokenizer: Tokenizer, texts: readonly string[], atLeast: number): Tensor2D {
  const count = Math.max(atLeast, piecesOf(tokenizer, texts));
  const pieces = texts.flatMap((text) => tokenizer.encodeLong(text, count));
  return tensor2d(
    pieces.flatMap((piece) => [...piece]),
    [pieces.length, tokenizer.maxTokens],
    "int32",
  );
}

/** [texts times pieces, tokens, features] as [texts, pieces times tokens, features]. Disposes what it is given. */
function joinPieces(context: Tensor3D, texts: number): Tensor3D {
  const [rows, tokens, features] = context.shape;
  if (rows === texts) return context;
  const joined = tidy(() => reshape(context, [texts, (rows / texts) * tokens, features]) as Tensor3D);
  context.dispose();
  return joined;
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
      `${what} ${i + 1}: ${count - room} of its ${count} tokens were cut off, ${room} fit; the model did not see: "${truncated[i]}" (longPrompts reads all of it, in pieces)`,
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
export function contextOf({ pipeline, functions }: CompiledModels, run: ResolvedOptions, warnings: string[]) {
  const { text, unet } = pipeline;
  const { contextChannels } = unet.config;
  if (!run.guided && run.negative.some((prompt) => prompt !== ""))
    warnings.push(
      run.embedsGuidance
        ? "the U-Net was distilled for its guidance: the negative prompt was not used"
        : "guidance is 1: the negative prompt was not used",
    );
  if (run.promptEmbeds) return joinEmbeds(run.promptEmbeds, run.batch, contextChannels, run.guided);
  const { context, truncated } = encodeHalves(text, run, functions.encodeText);
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

/** The unconditional half first: in the same call, where as many layers run for both. */
function encodeHalves(
  text: TextModel,
  run: ResolvedOptions,
  encode: Jitted<typeof encodeText>,
): ReturnType<typeof encodePrompts> {
  const { prompts, negative, guided, clipSkip, negativeClipSkip, longPrompts } = run;
  const all = guided ? [...negative, ...prompts] : prompts;
  const pieces = longPrompts ? piecesOf(text.tokenizer, all) : undefined;
  const encoded = (texts: readonly string[], skip: number) =>
    encodePrompts(text, texts, encode, { clipSkip: skip, ...(pieces !== undefined && { pieces }) });
  if (!guided || clipSkip === negativeClipSkip) return encoded(all, clipSkip);
  const halves = [encoded(negative, negativeClipSkip)];
  try {
    halves.push(encoded(prompts, clipSkip));
    const context = concat(
      halves.map((half) => half.context),
      0,
    );
    return { context, truncated: halves.flatMap((half) => half.truncated) };
  } finally {
    for (const half of halves) half.context.dispose();
  }
}
