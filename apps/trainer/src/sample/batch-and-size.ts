import { ControlNetError } from "@controlnet-js/core";
import { latentFactor, type Pipeline, type PromptEmbeds } from "@controlnet-js/models";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { PictureSize, SampleOptions } from "./picture-options.js";

const nameOf = (given: unknown, otherwise: string): string => (typeof given === "string" ? given : otherwise);

/**
 * How many pictures are painted: all that tells it has to agree, but embeddings of batch 1 go with any.
 * @throws ControlNetError `missing` without prompt or embeddings, `config` with both, `shape` where two disagree
 */
export function batchOf(
  options: SampleOptions,
  latents: Tensor4D | undefined,
  embeds: PromptEmbeds | undefined,
): number {
  const made = options.promptSetting !== undefined && options.promptSetting !== "user";
  if (options.prompt === undefined && !embeds && !made)
    throw new ControlNetError(
      "missing",
      'controlnet sample: expected a prompt, may it be "", or prompt embeddings',
    );
  if (options.prompt !== undefined && embeds)
    throw new ControlNetError(
      "config",
      "controlnet sample: expected a prompt or prompt embeddings, got both",
    );
  if (made && (options.prompt !== undefined || embeds))
    throw new ControlNetError(
      "config",
      `controlnet sample: promptSetting "${options.promptSetting}" makes the prompt itself; leave prompt and promptEmbeds out`,
    );
  const counts = embeds && [embeds.positive.shape[0], embeds.negative?.shape[0] ?? 1];
  if (counts && !counts.includes(1) && counts[0] !== counts[1])
    throw new ControlNetError(
      "shape",
      `controlnet sample: ${nameOf(options.promptEmbeds, "prompt embeddings")}: embeddings of ${counts[0]} prompts and ` +
        `${counts[1]} negative ones; expected the same number, or one for all`,
    );
  const embedded = embeds && Math.max(embeds.positive.shape[0], embeds.negative?.shape[0] ?? 1);
  const told: { what: string; count: number }[] = [];
  const tell = (what: string, count: number | undefined) => {
    if (count !== undefined) told.push({ what, count });
  };
  tell("the batch asked for", options.batch);
  tell(nameOf(options.latents, "latents"), latents?.shape[0]);
  tell(nameOf(options.promptEmbeds, "prompt embeddings"), embedded === 1 ? undefined : embedded);
  const [first, ...others] = told;
  const other = others.find(({ count }) => count !== first?.count);
  if (first && other)
    throw new ControlNetError(
      "shape",
      `controlnet sample: ${first.what}: ${first.count} pictures, but ${other.what}: ${other.count}; expected the same number`,
    );
  return first?.count ?? 1;
}

/**
 * The picture's size as far as it is known before the maps: that of the latents, else the one asked for.
 * @throws ControlNetError `shape` where the two disagree
 */
export function settledSize(
  { size, latents: from }: SampleOptions,
  model: Pipeline,
  latents: Tensor4D | undefined,
): PictureSize | undefined {
  if (!latents) return size;
  const factor = latentFactor(model);
  const own = { width: latents.shape[2] * factor, height: latents.shape[1] * factor };
  if (size && (size.width !== own.width || size.height !== own.height))
    throw new ControlNetError(
      "shape",
      `controlnet sample: ${nameOf(from, "latents")}: for pictures of ${own.width}x${own.height}, but the size asked for is ` +
        `${size.width}x${size.height}; leave one of them out`,
    );
  return own;
}
